//! One HTTP connection, which holds hyper's buffers only while it is in use.
//!
//! hyper holds 16 KiB of buffers for as long as it serves a connection, and a keep-alive connection is idle nearly all
//! of the time: 10,000 of them would take 180 MiB, where `cargo xtask bench connections` allows 128. So with many
//! connections, hyper is detached from an idle one, and attached again when its client sends something
//! (`connection_that_gave_its_buffers_back_goes_on_where_it_was`).

use super::{activity::Activity, stall::Stall};
use crate::auth::Peer;
use axum::{
    Router,
    extract::Request,
    http::{HeaderValue, header},
};
use hyper::{
    body::{Bytes, Incoming},
    rt::ReadBufCursor,
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use socket2::SockRef;
use std::{
    future::poll_fn,
    io::{self, IoSlice},
    mem::MaybeUninit,
    os::fd::AsFd,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, Interest},
    net::{TcpStream, UnixStream},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// A stream that can be awaited without a buffer.
pub(crate) trait ClientStream: AsyncRead + AsyncWrite + Unpin + Send + Sync + 'static {
    /// Ready when there is something to read, or at the end.
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
}

impl ClientStream for TcpStream {
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        poll_something(cx, |cx| self.poll_read_ready(cx), || self.try_io(Interest::READABLE, || peek(self)))
    }
}

impl ClientStream for UnixStream {
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        poll_something(cx, |cx| self.poll_read_ready(cx), || self.try_io(Interest::READABLE, || peek(self)))
    }
}

/// A fresh connection counts as readable until the first check.
fn poll_something(
    cx: &mut Context<'_>,
    ready: impl Fn(&mut Context<'_>) -> Poll<io::Result<()>>,
    look: impl Fn() -> io::Result<()>,
) -> Poll<io::Result<()>> {
    while ready(cx)?.is_ready() {
        match look() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            looked => return Poll::Ready(looked),
        }
    }
    Poll::Pending
}

fn peek(socket: &impl AsFd) -> io::Result<()> {
    SockRef::from(socket).peek(&mut [MaybeUninit::uninit()]).map(|_| ())
}

/// How connections are served.
pub(crate) struct Serving {
    pub(crate) http: http1::Builder,
    pub(crate) router: Router,
    /// How long a client may send nothing.
    pub(crate) patience: Duration,
    /// How long a client may read nothing of a response.
    pub(crate) stall: Duration,
    /// All open connections.
    pub(crate) connections: TaskTracker,
    /// This many may keep their buffers while they are idle.
    pub(crate) buffered: usize,
}

/// Serves a connection until it ends, or until `stop` and the end of the current request.
pub(crate) async fn serve<S: ClientStream>(
    mut stream: S,
    peer: Peer,
    serving: &Serving,
    activity: &Arc<Activity>,
    stop: &CancellationToken,
) -> hyper::Result<()> {
    let mut unread = Bytes::new();
    loop {
        activity.begin();
        let readable = tokio::time::timeout(serving.patience, poll_fn(|cx| stream.poll_readable(cx)));
        let said = tokio::select! {
            said = readable => said,
            () = activity.must_go() => return Ok(()),
            () = stop.cancelled() => return Ok(()),
        };
        // A broken connection returns an error when it is read; one without an error is at its end.
        if said.is_err() {
            return Ok(());
        }
        let io = Watched {
            io: TokioIo::new(Stall::new(stream, serving.stall)),
            unread,
            activity: activity.clone(),
        };
        let service = service_fn(|mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer);
            let (answering, activity) = (activity.answering(), activity.clone());
            let request = request.map(|body| activity.sent(body));
            let answer = TowerToHyperService::new(serving.router.clone()).call(request);
            async move {
                let mut answer = answer.await?.map(|body| answering.over(body));
                // The rest of the body is not read, so the connection ends; this tells the client.
                if !activity.has_all().await {
                    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, std::convert::Infallible>(answer)
            }
        });
        // On the heap; otherwise every idle connection would reserve room for it.
        let mut connection = Box::new(serving.http.serve_connection(io, service));
        let idle = poll_fn(|cx| match Pin::new(&mut *connection).poll(cx) {
            Poll::Ready(ended) => Poll::Ready(Some(ended)),
            Poll::Pending if activity.is_idle() && serving.connections.len() > serving.buffered => {
                Poll::Ready(None)
            }
            Poll::Pending => Poll::Pending,
        });
        let ended = tokio::select! {
            ended = idle => ended,
            () = activity.must_go() => return Ok(()),
            () = stop.cancelled() => {
                Pin::new(&mut *connection).graceful_shutdown();
                return connection.await;
            }
        };
        if let Some(ended) = ended {
            return ended;
        }
        let parts = connection.into_parts();
        // Copied, because the rest of a buffer keeps all of it alive.
        unread = Bytes::copy_from_slice(&parts.read_buf);
        stream = parts.io.io.into_inner().into_inner();
    }
}

/// A stream that records what hyper does with it.
struct Watched<S> {
    io: TokioIo<Stall<S>>,
    /// What was read before hyper was detached.
    unread: Bytes,
    activity: Arc<Activity>,
}

impl<S: ClientStream> hyper::rt::Read for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.unread.is_empty() {
            let length = self.unread.len().min(buffer.remaining());
            buffer.put_slice(&self.unread.split_to(length));
            self.activity.read();
            return Poll::Ready(Ok(()));
        }
        let read = Pin::new(&mut self.io).poll_read(cx, buffer);
        if read.is_ready() {
            self.activity.read();
        }
        read
    }
}

impl<S: ClientStream> hyper::rt::Write for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.activity.written(written.is_ready());
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, pieces);
        self.activity.written(written.is_ready());
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    /// hyper flushes the stream when it has nothing more to write.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        if flushed.is_ready() {
            self.activity.flushed();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
