//! GitHub's GraphQL API: a query with its variables, and its answer, which reports errors with status 200.

use crate::error::GithubError;
use hyper::body::Bytes;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// A query about an account.
#[derive(Debug, Serialize)]
pub(crate) struct GraphQuery {
    query: String,
    variables: Variables,
}

#[derive(Debug, Serialize)]
struct Variables {
    login: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<String>,
}

impl GraphQuery {
    /// `fields` is the text between the braces; it can use `$login`, and `$after`, the point where a list continues.
    pub(crate) fn of(login: &str, fields: &str, after: Option<String>) -> GraphQuery {
        // A variable that is declared and not used is an error.
        let more = if fields.contains("$after") { ",$after:String" } else { "" };
        let query = format!("query($login:String!{more}){{{fields}}}");
        GraphQuery { query, variables: Variables { login: login.to_owned(), after } }
    }

    pub(crate) fn body(&self) -> Bytes {
        serde_json::to_vec(self).unwrap_or_default().into()
    }
}

#[derive(Deserialize)]
struct AnswerJson<T> {
    data: Option<T>,
}

#[derive(Deserialize)]
struct ErrorJson {
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// Only what is wrong, whatever else there is.
#[derive(Deserialize)]
struct ErrorsJson {
    #[serde(default)]
    errors: Vec<ErrorJson>,
}

const LIMITED: &str = "RATE_LIMITED";

/// Whether no points are left.
pub(crate) fn says_limited(body: &[u8]) -> bool {
    let answer: Result<ErrorsJson, _> = serde_json::from_slice(body);
    answer.is_ok_and(|answer| answer.errors.iter().any(|error| error.kind.as_deref() == Some(LIMITED)))
}

/// What is below `data`. An answer with an error in it is one, whatever else it has: what is missing would be a zero.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, GithubError> {
    let wrong: ErrorsJson = serde_json::from_slice(body)?;
    if let Some(error) = wrong.errors.into_iter().next() {
        // Its message may be any text, so only its kind is repeated.
        let plain =
            |kind: &String| kind.len() <= 40 && kind.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
        return Err(GithubError::Query(
            error.kind.filter(plain).unwrap_or_else(|| "without a reason".to_owned()),
        ));
    }
    let answer: AnswerJson<T> = serde_json::from_slice(body)?;
    answer.data.ok_or(GithubError::Absurd("an answer without data"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_with_an_error_is_one() {
        let read = |body: &str| read::<Vec<u8>>(body.as_bytes()).map_err(|error| error.to_string());
        assert_eq!(read("{\"data\":[1]}"), Ok(vec![1]));
        for (body, says) in [
            ("{\"data\":[1],\"errors\":[{\"type\":\"RATE_LIMITED\",\"message\":\"x\"}]}", "RATE_LIMITED"),
            ("{\"data\":null,\"errors\":[{\"message\":\"Bearer canary\"}]}", "without a reason"),
            ("{\"errors\":[{\"type\":\"Bearer canary\"}]}", "without a reason"),
            ("{\"data\":null}", "without data"),
            ("{}", "without data"),
            ("", "cannot be read"),
            ("null", "cannot be read"),
            ("{\"data\":{\"user\":null}}", "cannot be read"),
        ] {
            let why = read(body).unwrap_err();
            assert!(why.contains(says) && !why.contains("canary"), "{body}: {why}");
            assert_eq!(says_limited(body.as_bytes()), says == LIMITED);
        }
    }

    #[test]
    fn names_are_variables_and_never_part_of_a_query() {
        let query = GraphQuery::of("octo\"}", "user(login:$login){id}", None);
        let body: serde_json::Value = serde_json::from_slice(&query.body()).unwrap();
        assert_eq!(body["variables"]["login"], "octo\"}");
        assert_eq!(body["query"], "query($login:String!){user(login:$login){id}}");
    }
}
