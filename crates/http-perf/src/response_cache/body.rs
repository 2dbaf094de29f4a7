//! The body of an answer that went through the cache.

use super::{Refusal, fill::Recorder};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use std::{
    collections::VecDeque,
    fmt, mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

pin_project! {
    /// The body of an answer: the service's own, one that is recorded on its way, or a stored one.
    ///
    /// Bytes reach the client as the service makes them. Its error is that of the service's body.
    pub struct CacheBody<B: Body> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProjection]
    enum Kind<B: Body> {
        Passing { #[pin] body: B },
        Stored { body: Bytes },
        Filling { filling: Box<Filling<B>> },
    }
}

impl<B: Body> CacheBody<B> {
    pub(super) fn passing(body: B) -> Self {
        Self { kind: Kind::Passing { body } }
    }

    pub(super) fn stored(body: Bytes) -> Self {
        Self { kind: Kind::Stored { body } }
    }
}

impl<B: Body<Data = Bytes>> Body for CacheBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().kind.project() {
            KindProjection::Passing { body } => body.poll_frame(context),
            KindProjection::Filling { filling } => filling.poll_frame(context),
            KindProjection::Stored { body } if body.is_empty() => Poll::Ready(None),
            KindProjection::Stored { body } => Poll::Ready(Some(Ok(Frame::data(mem::take(body))))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Passing { body } => body.is_end_stream(),
            Kind::Filling { filling } => filling.is_end_stream(),
            Kind::Stored { body } => body.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Passing { body } => body.size_hint(),
            Kind::Filling { filling } => filling.size_hint(),
            Kind::Stored { body } => SizeHint::with_exact(body.len() as u64),
        }
    }
}

impl<B: Body> fmt::Debug for CacheBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.kind {
            Kind::Passing { .. } => "CacheBody::Passing",
            Kind::Filling { .. } => "CacheBody::Filling",
            Kind::Stored { .. } => "CacheBody::Stored",
        })
    }
}

/// A body that is recorded while the client reads it.
pub(super) struct Filling<B: Body> {
    body: Pin<Box<B>>,
    /// What was there at once, and an error that came after it.
    waiting: VecDeque<Frame<B::Data>>,
    failed: Option<B::Error>,
    ended: bool,
    recorder: Option<Recorder>,
}

impl<B: Body<Data = Bytes>> Filling<B> {
    /// Reads what is there at once: most bodies are whole, and then the answer is stored before it is sent, however
    /// slowly the client reads.
    pub(super) fn start(body: B, recorder: Recorder, context: &mut Context<'_>) -> CacheBody<B> {
        const FRAMES_AT_ONCE: usize = 64;
        let mut filling = Self {
            body: Box::pin(body),
            waiting: VecDeque::new(),
            failed: None,
            ended: false,
            recorder: Some(recorder),
        };
        if filling.body.is_end_stream() {
            filling.end();
        }
        while filling.recorder.is_some() && filling.waiting.len() < FRAMES_AT_ONCE {
            match filling.read(context) {
                Poll::Ready(Some(Ok(frame))) => filling.waiting.push_back(frame),
                Poll::Ready(Some(Err(error))) => filling.failed = Some(error),
                Poll::Ready(None) | Poll::Pending => break,
            }
        }
        CacheBody { kind: Kind::Filling { filling: Box::new(filling) } }
    }

    fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if let Some(frame) = self.waiting.pop_front() {
            return Poll::Ready(Some(Ok(frame)));
        }
        match self.failed.take() {
            Some(error) => Poll::Ready(Some(Err(error))),
            None => self.read(context),
        }
    }

    /// The next frame of the body, recorded.
    fn read(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let frame = ready!(self.body.as_mut().poll_frame(context));
        match &frame {
            Some(Ok(frame)) => self.record(frame),
            Some(Err(_)) => {
                self.ended = true;
                self.refuse(Refusal::Body);
            }
            None => self.end(),
        }
        Poll::Ready(frame)
    }

    fn record(&mut self, frame: &Frame<Bytes>) {
        let Some(recorder) = &mut self.recorder else { return };
        let recorded = match frame.data_ref() {
            Some(chunk) => recorder.push(chunk),
            None => Err(Refusal::Body),
        };
        match recorded {
            Err(refusal) => self.refuse(refusal),
            Ok(()) if recorder.has_all() || self.body.is_end_stream() => self.finish(),
            Ok(()) => {}
        }
    }

    fn end(&mut self) {
        self.ended = true;
        self.finish();
    }

    fn finish(&mut self) {
        if let Some(recorder) = self.recorder.take() {
            recorder.finish();
        }
    }

    fn refuse(&mut self, reason: Refusal) {
        if let Some(recorder) = self.recorder.take() {
            recorder.refuse(reason);
        }
    }

    fn is_end_stream(&self) -> bool {
        self.waiting.is_empty() && self.failed.is_none() && (self.ended || self.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let waiting =
            self.waiting.iter().filter_map(Frame::data_ref).map(|chunk| chunk.len() as u64).sum::<u64>();
        // A server announces what it takes for the whole length: it must not before an error, nor before trailers.
        let all_is_data = self.failed.is_none() && self.waiting.iter().all(Frame::is_data);
        let rest = if self.ended { SizeHint::with_exact(0) } else { self.body.size_hint() };
        let mut hint = SizeHint::new();
        if let (true, Some(upper)) = (all_is_data, rest.upper()) {
            hint.set_upper(upper.saturating_add(waiting));
        }
        hint.set_lower(rest.lower().saturating_add(waiting));
        hint
    }
}
