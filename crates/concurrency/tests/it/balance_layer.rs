//! The balancer as a layer: where its requests go, what their ends say, and endpoints that go between the two polls.

use perfect21_concurrency::{
    Balancer,
    balance::{Balanced, EndpointState, NoEndpoint, Policy, Verdict},
};
use std::{
    future::{Ready, pending, poll_fn, ready},
    pin::Pin,
    task::{Context, Poll},
};
use tower::{Layer, Service, ServiceExt, service_fn};

/// To whom, and what it asks for.
type Request = (Option<usize>, &'static str);

/// Status and who answered, as a client of HTTP has it.
type Answer = Result<(u16, usize), &'static str>;

fn client(request: Request) -> Ready<Answer> {
    let (Some(server), what) = request else { return ready(Err("no host")) };
    ready(match what {
        "broken" => Err("connection reset"),
        "busy" => Ok((503, server)),
        _ => Ok((200, server)),
    })
}

fn route((_, what): Request, server: &usize) -> Request {
    (Some(*server), what)
}

#[tokio::test]
async fn each_request_goes_to_an_endpoint_and_its_end_is_known() {
    fastrand::seed(7);
    let balancer = Balancer::builder(0..3_usize).policy(Policy::LeastInFlight).build().unwrap();
    let mut service = balancer.layer(route).layer(service_fn(client));
    let mut answered = [0; 3];
    for _ in 0..300 {
        let (status, server) = service.ready().await.unwrap().call((None, "fine")).await.unwrap();
        answered[server] += 1;
        assert_eq!(status, 200);
    }
    assert!(answered.iter().all(|answered| *answered > 0), "{answered:?}");
    let error = service.ready().await.unwrap().call((None, "broken")).await.unwrap_err();
    assert_eq!(error, Balanced::Inner("connection reset"));
    assert_eq!(error.to_string(), "connection reset");
    // An answer is an answer, whatever it says, where nobody judges it.
    assert_eq!(service.ready().await.unwrap().call((None, "busy")).await.unwrap().0, 503);
    let sums = balancer.stats().iter().fold((0, 0), |(successes, failures), stats| {
        (successes + stats.successes, failures + stats.failures)
    });
    assert_eq!(sums, (301, 1));
}

#[tokio::test]
async fn an_answer_can_be_judged() {
    let balancer = Balancer::builder(0..2_usize).ejection_in_a_row(1).build().unwrap();
    let judge = |answer: &Answer| match answer {
        Ok((503, _)) => Verdict::Overloaded(None),
        other => Verdict::of(other),
    };
    let service = balancer.layer(route).layer(service_fn(client)).judge(judge);
    let (status, server) = service.clone().oneshot((None, "busy")).await.unwrap();
    assert_eq!((status, balancer.stats()[server].state), (503, EndpointState::Ejected));
    for _ in 0..20 {
        assert_ne!(service.clone().oneshot((None, "fine")).await.unwrap().1, server);
    }
}

#[tokio::test]
async fn an_endpoint_that_goes_after_poll_ready_is_not_asked() {
    let balancer = Balancer::new(0..2_usize).unwrap();
    let mut service = balancer.layer(route).layer(service_fn(client));
    let ids: Vec<_> = balancer.stats().iter().map(|stats| stats.id).collect();
    for _ in 0..50 {
        poll_fn(|context| service.poll_ready(context)).await.unwrap();
        balancer.remove(ids[0]);
        assert_eq!(service.call((None, "fine")).await.unwrap().1, 1);
    }
    poll_fn(|context| service.poll_ready(context)).await.unwrap();
    balancer.remove(ids[1]);
    let nobody = service.call((None, "fine")).await.unwrap_err();
    assert_eq!(nobody, Balanced::NoEndpoint(NoEndpoint::Empty));
    balancer.insert(7, 1.0).unwrap();
    assert_eq!(service.ready().await.unwrap().call((None, "fine")).await.unwrap().1, 7);
}

#[tokio::test]
async fn a_request_that_is_dropped_is_given_up_and_leaves_its_place() {
    let balancer = Balancer::new(0..1_usize).unwrap();
    let mut service = balancer.layer(route).layer(service_fn(|_: Request| pending::<Answer>()));
    let mut call = Box::pin(service.ready().await.unwrap().call((None, "fine")));
    let polled = poll_fn(|context| Poll::Ready(call.as_mut().poll(context).is_pending())).await;
    assert_eq!((polled, balancer.stats()[0].in_flight), (true, 1));
    drop(call);
    let stats = &balancer.stats()[0];
    assert_eq!((stats.in_flight, stats.given_up, stats.failures, stats.picks), (0, 1, 0, 1));
}

/// Ready only once it was asked twice.
#[derive(Clone, Default)]
struct Shy(u32);

impl Service<Request> for Shy {
    type Response = (u16, usize);
    type Error = &'static str;
    type Future = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        self.0 += 1;
        if self.0 >= 2 {
            return Poll::Ready(Ok(()));
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn call(&mut self, request: Request) -> Self::Future {
        assert!(self.0 >= 2, "called before it was ready");
        self.0 = 0;
        Box::pin(client(request))
    }
}

#[tokio::test]
async fn the_client_that_is_ready_is_the_one_that_is_called() {
    let balancer = Balancer::new(0..2_usize).unwrap();
    let mut service = balancer.layer(route).layer(Shy::default());
    for _ in 0..5 {
        service.ready().await.unwrap().call((None, "fine")).await.unwrap();
    }
}
