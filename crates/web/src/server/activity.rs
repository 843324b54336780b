//! What a connection is doing: `connection` records it as hyper reads and writes. It decides whether the buffers can be
//! freed (`connection`), which connection is closed at the limit (`crowd`), and whether a response has to announce the
//! end of the connection: otherwise unread bytes of a body would reset it, and the client might lose the response
//! (`connection_that_ends_with_its_answer_says_so`).

use axum::body::Body as Answer;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// How much of an unwanted body is still read, and for how long.
const UNWANTED: u64 = 64 * 1024;
const UNWANTED_PATIENCE: Duration = Duration::from_millis(500);

/// One connection. Only its task writes, and others only use it as a hint, hence relaxed.
pub(crate) struct Activity {
    /// A request has arrived, and its response is not fully sent.
    answering: AtomicBool,
    /// The body of that request has not fully arrived.
    uploading: AtomicBool,
    /// A response was partly written.
    unsent: AtomicBool,
    /// Bytes were read that are not part of a request yet.
    partial: AtomicBool,
    /// A request was answered: a fresh connection is read first.
    answered: AtomicBool,
    began: Instant,
    /// When bytes were last read or written, in milliseconds since it began.
    last: AtomicU64,
    /// The unread rest of a body.
    left: Mutex<Option<Incoming>>,
    /// It has to make room.
    go: Notify,
}

fn is(flag: &AtomicBool) -> bool {
    flag.load(Ordering::Relaxed)
}

fn set(flag: &AtomicBool, to: bool) {
    flag.store(to, Ordering::Relaxed);
}

impl Activity {
    pub(crate) fn new() -> Activity {
        let flag = || AtomicBool::new(false);
        Activity {
            answering: flag(),
            uploading: flag(),
            unsent: flag(),
            partial: flag(),
            answered: flag(),
            began: Instant::now(),
            last: AtomicU64::new(0),
            left: Mutex::new(None),
            go: Notify::new(),
        }
    }

    /// hyper takes over the connection.
    pub(crate) fn begin(&self) {
        for flag in [&self.answering, &self.uploading, &self.unsent, &self.partial, &self.answered] {
            set(flag, false);
        }
    }

    fn touch(&self) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) {
        set(&self.partial, true);
        self.touch();
    }

    pub(crate) fn written(&self, any: bool) {
        set(&self.unsent, true);
        if any {
            self.touch();
        }
    }

    pub(crate) fn flushed(&self) {
        set(&self.unsent, false);
    }

    /// Whether hyper has no state to keep.
    pub(crate) fn is_idle(&self) -> bool {
        is(&self.answered) && !is(&self.answering) && !is(&self.unsent) && !is(&self.partial)
    }

    /// Whether the body of the request has fully arrived. A small unwanted rest is read here, so that the connection
    /// can be reused.
    pub(crate) async fn has_all(&self) -> bool {
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut body) = left.filter(|body| body.size_hint().lower() <= UNWANTED) {
            let read = async {
                let mut length = 0;
                while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
                    length += frame.ok()?.data_ref().map_or(0, Bytes::len) as u64;
                    if length > UNWANTED {
                        return None;
                    }
                }
                set(&self.uploading, false);
                Some(())
            };
            // A slow client finds the connection closed.
            let _ = tokio::time::timeout(UNWANTED_PATIENCE, read).await;
        }
        !is(&self.uploading)
    }

    /// For how long its client has neither sent nor received anything; `None` if it is our turn.
    pub(crate) fn silence(&self) -> Option<Duration> {
        let clients_turn = !is(&self.answering) || is(&self.uploading) || is(&self.unsent);
        let silence =
            || self.began.elapsed().saturating_sub(Duration::from_millis(self.last.load(Ordering::Relaxed)));
        clients_turn.then(silence)
    }

    /// Asks it to end, whatever it is doing.
    pub(crate) fn send_away(&self) {
        self.go.notify_one();
    }

    /// Ready when it was asked to end.
    pub(crate) async fn must_go(&self) {
        self.go.notified().await;
    }

    /// A request has arrived.
    pub(crate) fn answering(self: &Arc<Activity>) -> Answering {
        set(&self.answering, true);
        Answering(self.clone())
    }

    /// Its body.
    pub(crate) fn sent(self: &Arc<Activity>, body: Incoming) -> Sent {
        set(&self.uploading, !body.is_end_stream());
        Sent { body: Some(body), activity: self.clone() }
    }
}

/// Lives as long as a response.
pub(crate) struct Answering(Arc<Activity>);

impl Answering {
    pub(crate) fn over(self, body: Answer) -> Guarded {
        Guarded { body, _answering: self }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        set(&self.0.answering, false);
        set(&self.0.uploading, false);
        set(&self.0.answered, true);
        // The bytes read so far belong to that request; the beginning of the next one, if any, is not lost.
        set(&self.0.partial, false);
    }
}

/// The body of a request, which records when all of it has arrived.
pub(crate) struct Sent {
    /// Always there until the end.
    body: Option<Incoming>,
    activity: Arc<Activity>,
}

impl Drop for Sent {
    fn drop(&mut self) {
        if is(&self.activity.uploading) {
            *self.activity.left.lock().unwrap_or_else(PoisonError::into_inner) = self.body.take();
        }
    }
}

impl Body for Sent {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = Pin::new(&mut *body).poll_frame(cx);
        let ended = matches!(frame, Poll::Ready(None)) || body.is_end_stream();
        if ended {
            set(&self.activity.uploading, false);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

/// The body of a response, which records when hyper has all of it.
pub(crate) struct Guarded {
    body: Answer,
    _answering: Answering,
}

impl Body for Guarded {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
