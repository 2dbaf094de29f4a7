use super::{
    Engine,
    connection::{Connection, open},
    response::Watched,
};
use crate::{
    cpu,
    error::Error,
    plan::Plan,
    progress::{Board, Phase},
    record::RunFacts,
    report::Report,
    request_list::RequestList,
    ticker::Ticker,
};
use std::{
    io,
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{net::TcpStream, task::JoinSet};

/// How many connections are being opened at one time.
const OPENING: usize = 64;
/// How often the live figures are brought up to date.
const LOOK: Duration = Duration::from_millis(100);

/// Runs a plan on the current thread's local runtime.
pub(crate) async fn drive(
    plan: &Plan,
    address: SocketAddr,
    list: RequestList,
    board: &Arc<Board>,
) -> Result<Report, Error> {
    let streams = open_all(plan, address, board).await?;
    let start = Instant::now();
    let engine = Rc::new(Engine::new(plan, address, list, Arc::clone(board), start));
    let mut tasks = JoinSet::new();
    let ticker = Ticker::new().map_err(Error::system)?;
    tasks.spawn_local(Rc::clone(&engine).tick(ticker));
    let watched = plan
        .count_header
        .as_ref()
        .map(|(name, value)| Watched { name: name.as_str().into(), value: value.as_str().into() });
    for stream in streams {
        let connection = Connection::new(Rc::clone(&engine), stream, watched.clone());
        tasks.spawn_local(async move {
            connection.run().await;
            Ok(())
        });
    }
    Driver { plan, engine, tasks }.run().await
}

/// Opens all connections; fewer, without an error, only if the run was stopped meanwhile.
async fn open_all(plan: &Plan, address: SocketAddr, board: &Board) -> Result<Vec<TcpStream>, Error> {
    let wanted = plan.connections;
    let mut streams = Vec::with_capacity(wanted);
    let mut opening = JoinSet::new();
    while !board.is_stopped() {
        while streams.len() + opening.len() < wanted && opening.len() < OPENING {
            opening.spawn_local(open(address, plan.timeout));
        }
        tokio::select! {
            () = board.changed() => {}
            joined = opening.join_next() => match joined {
                None => break,
                Some(Ok(Ok(stream))) => streams.push(stream),
                Some(Ok(Err(error))) => return Err(Error::connect(address, streams.len(), wanted, error)),
                Some(Err(_)) => return Err(Error::internal()),
            },
        }
    }
    Ok(streams)
}

/// Leads a run through its phases.
struct Driver<'a> {
    plan: &'a Plan,
    engine: Rc<Engine>,
    tasks: JoinSet<io::Result<()>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Woken {
    Time,
    Changed,
    Settled,
}

impl Driver<'_> {
    async fn run(mut self) -> Result<Report, Error> {
        let engine = Rc::clone(&self.engine);
        let board = &engine.board;
        let (measure_from, end) = {
            let schedule = engine.schedule.borrow();
            (schedule.measure_from(), schedule.end())
        };
        board.measure_from(measure_from);
        if !self.plan.warm_up.is_zero() && !board.is_stopped() {
            board.enter(Phase::WarmUp);
            self.wait(Some(measure_from)).await?;
        }
        let cpu_before = cpu::of_this_thread();
        let mut woken = Woken::Changed;
        if !board.is_stopped() {
            board.enter(Phase::Measuring);
            woken = self.wait(end).await?;
        }
        let sending_ended = self.end_sending(woken);
        let elapsed = sending_ended.saturating_duration_since(measure_from);
        board.measured(elapsed);
        board.enter(Phase::Draining);
        self.drain(sending_ended).await?;
        let ended = Instant::now();
        self.tasks.abort_all();
        let cpu = cpu_before.zip(cpu::of_this_thread()).map(|(before, after)| after.saturating_sub(before));
        let facts = RunFacts {
            connections: self.plan.connections,
            elapsed,
            ended,
            stopped_early: woken == Woken::Changed,
            due: engine.schedule.borrow().due_before(sending_ended),
            cpu,
        };
        let mut recorder = engine.recorder.borrow_mut();
        recorder.abandon(ended);
        board.count(recorder.completed, recorder.errors.total());
        Ok(recorder.report(&facts))
    }

    /// Hands out no more tickets; returns when sending ended.
    fn end_sending(&self, woken: Woken) -> Instant {
        let engine = &self.engine;
        engine.draining.set(true);
        let mut schedule = engine.schedule.borrow_mut();
        let mut recorder = engine.recorder.borrow_mut();
        match woken {
            Woken::Settled => recorder.last_end(),
            Woken::Time => schedule.end().unwrap_or_else(Instant::now),
            Woken::Changed => {
                let now = Instant::now();
                schedule.stop(now);
                recorder.sending_ends = Some(now);
                now
            }
        }
    }

    async fn drain(&mut self, from: Instant) -> Result<(), Error> {
        let until = from + self.plan.drain.min(self.plan.timeout);
        while !self.engine.board.is_abandoned() {
            // A second stop changes nothing.
            if self.wait(Some(until)).await? != Woken::Changed {
                break;
            }
        }
        Ok(())
    }

    /// Waits for a time, a stop or the last answer, and keeps the live figures up to date meanwhile.
    async fn wait(&mut self, until: Option<Instant>) -> Result<Woken, Error> {
        let engine = Rc::clone(&self.engine);
        loop {
            let now = Instant::now();
            if self.look(now) {
                return Ok(Woken::Settled);
            }
            if until.is_some_and(|until| now >= until) {
                return Ok(Woken::Time);
            }
            let look = until.map_or(now + LOOK, |until| until.min(now + LOOK));
            tokio::select! {
                () = engine.board.changed() => return Ok(Woken::Changed),
                () = engine.settled.notified() => {}
                Some(joined) = self.tasks.join_next() => match joined {
                    Ok(ended) => ended.map_err(Error::system)?,
                    Err(_) => return Err(Error::internal()),
                },
                () = tokio::time::sleep_until(look.into()) => {}
            }
        }
    }

    /// Brings the live figures up to date; returns whether the run is over.
    fn look(&self, now: Instant) -> bool {
        let mut recorder = self.engine.recorder.borrow_mut();
        if let Some(second) = recorder.roll(now) {
            self.engine.board.second(&second);
        }
        self.engine.is_over(&recorder)
    }
}
