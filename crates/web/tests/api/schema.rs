//! Checks responses against `openapi.json`: status, type and fields. Supports the JSON Schema keywords that the
//! document uses, and panics at others.

use crate::site::Got;
use axum::http::Method;
use serde_json::{Map, Value};

pub(crate) struct Document(Value);

/// Keywords that do not affect validity.
const SILENT: [&str; 4] = ["description", "default", "format", "example"];

impl Document {
    pub(crate) fn read() -> Document {
        Document(serde_json::from_str(include_str!("../../src/api/openapi.json")).unwrap())
    }

    /// Every path with its methods.
    pub(crate) fn operations(&self) -> Vec<(String, String)> {
        let paths = self.0["paths"].as_object().unwrap();
        let operations = |(path, methods): (&String, &Value)| {
            let methods: Vec<_> = methods.as_object().unwrap().keys().cloned().collect();
            methods.into_iter().map(|method| (method, path.clone())).collect::<Vec<_>>()
        };
        paths.iter().flat_map(operations).collect()
    }

    /// The description of the operation that a request is for.
    fn operation(&self, method: &Method, path: &str) -> Option<&Value> {
        const STATS: [&str; 8] =
            ["/stats", "/{chart}", "/{account}", "/{event}", "/{year}", "/{month}", "/{day}", "/{hour}"];
        let stats = path.strip_prefix("/stats").map(|rest| STATS[..=rest.matches('/').count()].concat());
        let template = match path.strip_prefix("/api/v1/counters/") {
            None if path.starts_with("/badge/") && path.ends_with(".shields.json") => {
                "/badge/{name}.shields.json"
            }
            None if path.starts_with("/badge/") && path.ends_with(".json") => "/badge/{name}.json",
            None if path.starts_with("/feed/") => "/feed/{name}.atom",
            None => stats.as_deref().unwrap_or(path),
            Some(name) if name.ends_with("/series") => "/api/v1/counters/{name}/series",
            Some(name) if name.ends_with("/series.csv") => "/api/v1/counters/{name}/series.csv",
            Some(name) if name.ends_with("/visits") => "/api/v1/counters/{name}/visits",
            Some(name) if name.ends_with("/visitors") => "/api/v1/counters/{name}/visitors",
            Some(_) => "/api/v1/counters/{name}",
        };
        self.0["paths"].get(template)?.get(method.as_str().to_ascii_lowercase())
    }

    /// Whether the document allows this response to this request.
    #[track_caller]
    pub(crate) fn check(&self, method: &Method, path: &str, got: &Got) {
        let Some(operation) = self.operation(method, path) else { return };
        let responses = &operation["responses"];
        let response = responses.get(got.status.as_str());
        let response = self.follow(response.unwrap_or_else(|| panic!("{path}: {} is not there", got.status)));
        let kind = got.headers["content-type"].to_str().unwrap().split(';').next().unwrap();
        let content = response["content"].get(kind).unwrap_or_else(|| panic!("{path}: {kind} is not there"));
        let value = if kind == "application/json" { got.json() } else { Value::String(got.body.clone()) };
        self.judge(&content["schema"], &value, path);
    }

    fn follow<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value.get("$ref").and_then(Value::as_str) {
            Some(to) => self.0.pointer(to.strip_prefix('#').unwrap()).unwrap_or_else(|| panic!("{to}")),
            None => value,
        }
    }

    #[track_caller]
    fn judge(&self, schema: &Value, value: &Value, at: &str) {
        let schema = self.follow(schema).as_object().unwrap_or_else(|| panic!("{at}: no schema"));
        for (word, rule) in schema {
            match word.as_str() {
                "type" => assert!(has_type(rule, value), "{at}: {value} is not of type {rule}"),
                "enum" => assert!(rule.as_array().unwrap().contains(value), "{at}: {value}"),
                "required" => {
                    for name in rule.as_array().unwrap() {
                        assert!(value.get(name.as_str().unwrap()).is_some(), "{at}: {name} is missing");
                    }
                }
                "properties" => self.properties(rule.as_object().unwrap(), value, at),
                "additionalProperties" => {
                    let known = schema["properties"].as_object().unwrap();
                    for name in value.as_object().unwrap().keys() {
                        assert!(known.contains_key(name), "{at}: {name} is not described");
                    }
                }
                "items" => {
                    for (index, item) in value.as_array().unwrap().iter().enumerate() {
                        self.judge(rule, item, &format!("{at}/{index}"));
                    }
                }
                other => assert!(SILENT.contains(&other), "{at}: this checker does not know {other}"),
            }
        }
    }

    fn properties(&self, rules: &Map<String, Value>, value: &Value, at: &str) {
        for (name, rule) in rules {
            if let Some(value) = value.get(name) {
                self.judge(rule, value, &format!("{at}/{name}"));
            }
        }
    }
}

fn has_type(rule: &Value, value: &Value) -> bool {
    let is = |name: &Value| match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("{other} is no type"),
    };
    rule.as_array().map_or_else(|| is(rule), |rules| rules.iter().any(is))
}
