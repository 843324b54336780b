//! Pictures as PNG, for mail and forums that do not accept SVG: every picture whose address ends with `.png` in place
//! of `.svg`.
//!
//! The layer requests the SVG at that address, which counts as usual, and has a separate process draw it, with the same
//! number and the same headers. Drawing takes milliseconds of CPU time, so one picture is drawn at a time. If others
//! are waiting already, a request is refused before anything is counted.

mod cache;
mod draw;
mod drawer;
mod drawing;
mod fonts;
mod scripts;

pub use drawer::draw_pictures;
pub use drawing::PngDrawing;

use crate::{
    badges::badge::mistake,
    cards,
    error::{Problem, report},
    headers,
    query::Query,
    scale::{ChartScale, pixels},
};
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, Uri, header, uri::PathAndQuery},
    middleware::{self, Next},
    response::Response,
};
use cache::CACHE;
use drawing::DrawingPlace;
use std::time::Duration;
use tower::ServiceExt;

/// Sharp on the screens that most readers have.
const USUAL_SCALE: u8 = 2;
/// A larger SVG is not drawn.
const LARGEST: usize = 4 * 1024 * 1024;
/// How long a request waits for its turn: GitHub's image proxy gives up after four seconds.
const PATIENCE: Duration = Duration::from_secs(1);

/// The same routes with their pictures as PNG, too.
pub(crate) fn with_png(routes: Router, drawing: PngDrawing) -> Router {
    let svg = routes.clone();
    routes.layer(middleware::from_fn_with_state((svg, drawing), answer))
}

async fn answer(
    State((routes, drawing)): State<(Router, PngDrawing)>,
    mut request: Request,
    next: Next,
) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let Some(svg) = svg_address(request.uri()).filter(|_| reads) else { return next.run(request).await };
    let scale = scale(request.uri());
    let head_only = request.method() == Method::HEAD;
    *request.uri_mut() = svg;
    let Some(place) = drawing.place(PATIENCE).await else {
        let what = "too many PNG pictures are being drawn; try again, or use the SVG";
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, what).picture("ignored: busy");
    };
    let picture = match &scale {
        Ok(_) => match routes.oneshot(request).await {
            Ok(picture) => picture,
            Err(never) => match never {},
        },
        Err(why) => mistake(why),
    };
    as_png(picture, scale.unwrap_or(USUAL_SCALE), head_only, place).await
}

fn scale(uri: &Uri) -> Result<u8, String> {
    let (query, path) = (Query::of(uri), uri.path());
    let pixels = match path {
        _ if path.starts_with("/graph") => ChartScale::read(query)?.pixels,
        // At Moe-Counter's address, the parameter has another meaning.
        _ if path.contains("/@") => None,
        _ => pixels(query)?,
    };
    Ok(pixels.unwrap_or(USUAL_SCALE))
}

/// The address of the same picture as SVG, if an address is that of a PNG.
fn svg_address(uri: &Uri) -> Option<Uri> {
    let path = uri.path().strip_suffix(".png")?;
    let named = |prefix: &str| path.strip_prefix(prefix).is_some_and(|name| !name.is_empty());
    let is_badge = matches!(path, "/badge" | "/graph" | "/sum")
        || ["/badge/", "/graph/", "/@", "/get/@"].into_iter().any(named);
    let path = match path {
        _ if is_badge => format!("{path}.svg"),
        _ if named("/banners/") => path.to_owned(),
        // Another word behind it is a name.
        "/v1/promo/card" => "/v1/promo".to_owned(),
        _ if cards::PATHS.iter().any(|(card, _)| *card == path) => path.to_owned(),
        // What follows the name of a panel means nothing else.
        _ if path.strip_prefix("/v1/").is_some_and(is_beyond_name) => path.rsplit_once('/')?.0.to_owned(),
        _ => return None,
    };
    let target = uri.query().map_or_else(|| path.clone(), |query| format!("{path}?{query}"));
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(target).ok()?);
    Uri::from_parts(parts).ok()
}

/// Whether a path under `/v1` continues after the name: `badge/OWNER/REPO/x`, `OWNER/REPO/x`.
fn is_beyond_name(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    match parts[..] {
        ["visit" | "badge" | "like" | "button", _, _, _] => true,
        ["visit" | "badge" | "like" | "button", ..] => false,
        [_, _, _] => true,
        _ => false,
    }
}

/// Draws the picture of an answer. What is no picture stays what it is.
async fn as_png(answer: Response, scale: u8, head_only: bool, place: DrawingPlace<'_>) -> Response {
    let is_svg = answer.headers().get(header::CONTENT_TYPE).is_some_and(headers::is_svg);
    if !is_svg {
        return answer;
    }
    let (mut head, body) = answer.into_parts();
    head.headers.remove(header::CONTENT_LENGTH);
    let png = HeaderValue::from_static("image/png");
    if head_only {
        head.headers.insert(header::CONTENT_TYPE, png);
        return Response::from_parts(head, Body::empty());
    }
    let Ok(svg) = to_bytes(body, LARGEST).await else {
        return Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "this picture is too large for PNG")
            .picture("ignored: too large");
    };
    let known = CACHE.find(&svg, scale);
    let picture = match known {
        Some(picture) => Ok(picture),
        None => place.draw(svg.clone(), scale).await,
    };
    match picture {
        Ok(picture) => {
            CACHE.put(svg, scale, picture.clone());
            head.headers.insert(header::CONTENT_TYPE, png);
            Response::from_parts(head, Body::from(picture))
        }
        // It may have counted, and it is a picture.
        Err(why) => {
            report::failed("a picture could not be drawn as PNG, and is shown as SVG", &why);
            Response::from_parts(head, Body::from(svg))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_of_a_chart_are_beside_its_axis() {
        for (address, pixels) in [
            ("/badge/a.png", Some(2)),
            ("/badge/a.png?scale=3", Some(3)),
            ("/badge/a.png?scale=log", None),
            ("/graph/a.png?scale=log", Some(2)),
            ("/graph/a.png?scale=log,3", Some(3)),
            ("/graph.png?name=a&scale=5", None),
            ("/@a.png?scale=5", Some(2)),
        ] {
            assert_eq!(scale(&address.parse().unwrap()).ok(), pixels, "{address}");
        }
    }

    #[test]
    fn only_addresses_of_pictures_have_a_png() {
        for (png, svg) in [
            ("/badge.png?repo=o/r", "/badge.svg?repo=o/r"),
            ("/badge/o%2Fr.png?scale=3", "/badge/o%2Fr.svg?scale=3"),
            ("/badge/a.svg.png", "/badge/a.svg.svg"),
            ("/graph/o/r.png", "/graph/o/r.svg"),
            ("/graph.png?name=a", "/graph.svg?name=a"),
            ("/sum.png?of=a*", "/sum.svg?of=a*"),
            ("/@a.png", "/@a.svg"),
            ("/api/pin.png?username=a", "/api/pin?username=a"),
            ("/banners/preview.png?username=a", "/banners/preview?username=a"),
            ("/banners/a-dark.png", "/banners/a-dark"),
            ("/v1/badge/o/r/card.png?lang=zh", "/v1/badge/o/r?lang=zh"),
            ("/v1/o/r/card.png", "/v1/o/r"),
            ("/v1/promo/card.png?lang=zh", "/v1/promo?lang=zh"),
        ] {
            assert_eq!(svg_address(&png.parse().unwrap()), Some(svg.parse().unwrap()), "{png}");
        }
        for other in [
            "/badge/a.svg",
            "/badge/.png",
            "/@.png",
            "/o/r.png",
            "/v1/o/r.png",
            "/v1/badge/o/r.png",
            "/v1/like/o/r/add/x.png",
            "/assets/x.png",
            "/.png",
            "/banners/.png",
        ] {
            assert_eq!(svg_address(&other.parse().unwrap()), None, "{other}");
        }
    }
}
