//! Where avatars come from, and one attempt to get one.

use super::{
    AvatarPattern,
    redraw::{self, NotAPicture},
};
use crate::{AccountName, Ask, FetchError, Outgoing, Redirects};
use hyper::StatusCode;
use std::{
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// The time limit for one avatar. No request waits for it.
const WITHIN: Duration = Duration::from_secs(15);
/// GitHub sends us on to another host, once.
const REDIRECTS: Redirects = Redirects::Anywhere(3);
/// The endings of local pictures.
const ENDINGS: [&str; 4] = ["png", "jpg", "jpeg", "webp"];

/// Where avatars come from.
#[derive(Debug, Default)]
pub struct AvatarSource {
    /// A directory of pictures, `OWNER.png` for example. What is in it is taken.
    pub dir: Option<PathBuf>,
    /// Where others are fetched.
    pub pattern: Option<AvatarPattern>,
    /// The client that fetches them.
    pub outgoing: Outgoing,
}

/// Why there is no avatar.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAvatar {
    /// The account has none, or there is no such account.
    #[error("there is none")]
    Nobody,
    /// The server has no answer.
    #[error(transparent)]
    NotFetched(#[from] FetchError),
    /// The server has another answer.
    #[error("the server answers {0}")]
    Status(StatusCode),
    /// What came is not a picture that we draw.
    #[error("it is not an avatar")]
    Refused(#[from] NotAPicture),
    /// The local file.
    #[error("the file cannot be read")]
    Unread(#[source] io::Error),
    /// The runtime is going away.
    #[error("this process ends")]
    Ends,
}

impl AvatarSource {
    /// The picture from the directory; an error is about a file that is there.
    pub(super) async fn local(&self, login: &AccountName) -> Result<Option<String>, NoAvatar> {
        let Some(dir) = self.dir.clone() else { return Ok(None) };
        let login = login.clone();
        drawn_elsewhere(move || match read_local(&dir, &login).map_err(NoAvatar::Unread)? {
            Some(file) => Ok(Some(redraw::redraw(&file)?)),
            None => Ok(None),
        })
        .await
    }

    /// The picture that the server has.
    pub(super) async fn fetch(&self, login: &AccountName) -> Result<String, NoAvatar> {
        let url = self.pattern.as_ref().and_then(|pattern| pattern.url_of(login)).ok_or(NoAvatar::Nobody)?;
        let ask = Ask {
            url,
            headers: Vec::new(),
            post: None,
            most: redraw::MOST,
            within: WITHIN,
            redirects: REDIRECTS,
        };
        let answer = self.outgoing.fetch(&ask).await?;
        match answer.status {
            StatusCode::OK => drawn_elsewhere(move || Ok(redraw::redraw(&answer.body)?)).await,
            StatusCode::NOT_FOUND | StatusCode::GONE => Err(NoAvatar::Nobody),
            status => Err(NoAvatar::Status(status)),
        }
    }
}

/// Decoding takes milliseconds, which the workers of the runtime do not have.
async fn drawn_elsewhere<T: Send + 'static>(
    draw: impl FnOnce() -> Result<T, NoAvatar> + Send + 'static,
) -> Result<T, NoAvatar> {
    tokio::task::spawn_blocking(draw).await.unwrap_or(Err(NoAvatar::Ends))
}

fn read_local(dir: &Path, login: &AccountName) -> io::Result<Option<Arc<[u8]>>> {
    for ending in ENDINGS {
        let path = dir.join(format!("{login}.{ending}"));
        match std::fs::metadata(&path) {
            // Opening a pipe would wait for its writer.
            Ok(metadata) if metadata.is_file() => {
                let mut file = Vec::new();
                std::fs::File::open(&path)?.take(redraw::MOST as u64 + 1).read_to_end(&mut file)?;
                return Ok(Some(file.into()));
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}
