//! Gives up on a client that reads nothing.
//!
//! hyper has a timeout for the head of a request, and `body` has one for its body. Without this one, a client could
//! request pages, never read them, and hold its connection forever
//! (`client_that_reads_slowly_is_served_and_one_that_does_not_is_left`).

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep},
};

/// A stream whose writes fail once the other side has read nothing for a while.
pub(crate) struct Stall<S> {
    stream: S,
    limit: Duration,
    /// Runs while a write waits.
    since: Option<Pin<Box<Sleep>>>,
}

impl<S> Stall<S> {
    pub(crate) fn new(stream: S, limit: Duration) -> Stall<S> {
        Stall { stream, limit, since: None }
    }

    /// A stream without a pending write.
    pub(crate) fn into_inner(self) -> S {
        self.stream
    }

    /// Passes on a write that made progress, and fails one that has waited for too long.
    fn judge<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.since = None;
            return written;
        }
        let limit = self.limit;
        let since =
            self.since.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + limit)));
        match since.as_mut().poll(cx) {
            Poll::Ready(()) => {
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client reads nothing")))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stall<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stall<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.judge(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.judge(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.judge(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.judge(cx, shut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn client_that_reads_slowly_is_served_and_one_that_does_not_is_left() {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let mut ours = Stall::new(ours, Duration::from_millis(200));
        let reads = async {
            let mut piece = [0; 16];
            for _ in 0..8 {
                tokio::time::sleep(Duration::from_millis(1)).await;
                theirs.read_exact(&mut piece).await.unwrap();
            }
            theirs
        };
        let (written, _theirs) = tokio::join!(ours.write_all(&[7; 128]), reads);
        written.unwrap();
        let error = ours.write_all(&[7; 128]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
