//! Has pictures drawn in a separate process, one after the other: starts it, sends it the orders, and starts another
//! when it has ended. The layer around the routes calls it.

use super::drawer::{DRAWN, TOO_LONG};
use axum::body::Bytes;
use std::{
    env,
    ffi::OsString,
    io,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::{mpsc, oneshot},
    time::{sleep, timeout},
};
use tracing::debug;

/// So many requests wait for the one that is being drawn.
const WAITING: usize = 8;
/// The process has a limit of its own, of work. This one is for a process that is stopped.
const STUCK: Duration = Duration::from_secs(30);
/// Before it is tried again to start one.
const PAUSE: Duration = Duration::from_secs(1);

/// Where pictures are drawn.
#[derive(Debug, Clone)]
pub struct PngDrawing(mpsc::Sender<PngOrder>);

#[derive(Debug)]
struct PngOrder {
    svg: Bytes,
    scale: u8,
    answer: oneshot::Sender<Result<Bytes, NoPng>>,
}

/// A place in the queue.
pub(super) struct DrawingPlace<'a>(mpsc::Permit<'a, PngOrder>);

/// Why there is no PNG.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoPng {
    #[error("{0}")]
    Picture(String),
    #[error("drawing it took too long")]
    TooLong,
    #[error("the process that draws has ended ({0})")]
    Ended(ExitStatus),
    #[error("the process that draws does not answer")]
    Stuck,
    #[error("the process that draws cannot be used: {0}")]
    Process(#[from] io::Error),
}

impl PngDrawing {
    /// Starts this program again, with arguments that have it call [`draw_pictures`](super::draw_pictures).
    #[must_use]
    pub fn start(arguments: &'static [&'static str]) -> PngDrawing {
        let (orders, work) = mpsc::channel(WAITING);
        // Nothing waits for it at the end: it has counted nothing.
        drop(tokio::spawn(run(arguments, work)));
        PngDrawing(orders)
    }

    /// Waits for a place in the queue; `None` if there is none in time.
    pub(super) async fn place(&self, patience: Duration) -> Option<DrawingPlace<'_>> {
        let place = timeout(patience, self.0.reserve()).await.ok()?;
        place.ok().map(DrawingPlace)
    }
}

impl DrawingPlace<'_> {
    pub(super) async fn draw(self, svg: Bytes, scale: u8) -> Result<Bytes, NoPng> {
        let (answer, drawn) = oneshot::channel();
        self.0.send(PngOrder { svg, scale, answer });
        drawn.await.unwrap_or(Err(NoPng::Stuck))
    }
}

async fn run(arguments: &'static [&'static str], mut orders: mpsc::Receiver<PngOrder>) {
    while !orders.is_closed() {
        match DrawingProcess::start(arguments) {
            Ok(process) => process.serve(&mut orders).await,
            Err(error) => {
                debug!(%error, "starting the process that draws");
                while let Ok(order) = orders.try_recv() {
                    // The client may have left.
                    let _ = order
                        .answer
                        .send(Err(NoPng::Process(io::Error::new(error.kind(), error.to_string()))));
                }
                sleep(PAUSE).await;
            }
        }
    }
}

/// A process that draws. It is killed with its owner.
struct DrawingProcess {
    process: Child,
    orders: ChildStdin,
    answers: ChildStdout,
}

impl DrawingProcess {
    fn start(arguments: &[&str]) -> io::Result<DrawingProcess> {
        let mut command = Command::new(this_program()?);
        // What a list of processes shows.
        command.arg0("tallymark");
        // It needs the fonts of its user, and no password of ours.
        command
            .args(arguments)
            .env_clear()
            .envs(env::var_os("HOME").map(|home| (OsString::from("HOME"), home)));
        command.current_dir("/").kill_on_drop(true);
        let mut process =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let (Some(orders), Some(answers)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        Ok(DrawingProcess { process, orders, answers })
    }

    /// Draws until it cannot, or nothing is left to draw.
    async fn serve(mut self, orders: &mut mpsc::Receiver<PngOrder>) {
        while let Some(PngOrder { svg, scale, answer }) = orders.recv().await {
            // The client may have left, then or now.
            if answer.is_closed() {
                continue;
            }
            let (drawn, can_go_on) = match timeout(STUCK, self.draw(&svg, scale)).await {
                Ok(Ok(drawn)) => (drawn, true),
                Ok(Err(error)) => (Err(self.ended(error).await), false),
                Err(_) => (Err(NoPng::Stuck), false),
            };
            let _ = answer.send(drawn);
            if !can_go_on {
                return;
            }
        }
    }

    /// An error is the pipe's: it has ended, or says what it should not.
    async fn draw(&mut self, svg: &[u8], scale: u8) -> io::Result<Result<Bytes, NoPng>> {
        let length = u32::try_from(svg.len()).map_err(io::Error::other)?;
        self.orders.write_u8(scale).await?;
        self.orders.write_u32_le(length).await?;
        self.orders.write_all(svg).await?;
        self.orders.flush().await?;
        let kind = self.answers.read_u8().await?;
        let length = self.answers.read_u32_le().await?;
        let mut content = vec![0; length as usize];
        self.answers.read_exact(&mut content).await?;
        Ok(match kind {
            DRAWN => Ok(content.into()),
            _ => Err(NoPng::Picture(String::from_utf8_lossy(&content).into_owned())),
        })
    }

    /// Why the pipe has closed.
    async fn ended(&mut self, error: io::Error) -> NoPng {
        match timeout(STUCK, self.process.wait()).await {
            Ok(Ok(status)) if status.code() == Some(TOO_LONG) => NoPng::TooLong,
            Ok(Ok(status)) => NoPng::Ended(status),
            _ => NoPng::Process(error),
        }
    }
}

/// The file that this process runs, also after it was replaced by a newer one: both ends speak alike.
fn this_program() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok(PathBuf::from("/proc/self/exe")) } else { env::current_exe() }
}
