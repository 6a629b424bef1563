//! What the headers and the priority of a message say goes into its body, where whatever becomes of the message finds it.

use indexmap::IndexMap;
use serde_json::value::RawValue;

use crate::record::Carried;

/// A message's body with what its headers and its priority say for the jobs that follow. One that says so already is left as it
/// is, and so is what is no object.
pub fn with_carried(body: Vec<u8>, headers: &[(String, String)], priority: Option<u8>) -> Vec<u8> {
    const FIELD: &str = "carried";
    let Some(carried) = Carried::of(headers, priority) else { return body };
    let Ok(mut fields) = serde_json::from_slice::<IndexMap<String, Box<RawValue>>>(&body) else {
        return body;
    };
    let Ok(carried) = serde_json::value::to_raw_value(&carried) else { return body };
    if fields.contains_key(FIELD) {
        return body;
    }
    fields.insert(FIELD.to_owned(), carried);
    serde_json::to_vec(&fields).unwrap_or(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::message::JobMessage;

    #[test]
    fn headers_and_priority_go_into_the_body_once() {
        let headers = [("tenant".to_owned(), "a".to_owned())];
        let body =
            with_carried(br#"{"runId":"r","blueprintId":"b","nodeId":"n"}"#.to_vec(), &headers, Some(4));
        let job = JobMessage::parse(&body).unwrap();
        let carried = job.carried.clone().unwrap();
        assert_eq!((carried.headers["tenant"].as_str(), carried.priority), ("a", Some(4)));
        assert_eq!(with_carried(body.clone(), &headers, Some(9)), body);
        assert_eq!(job.after(Some("00-1")).trace(), Some("00-1"));
        for other in [&b"[]"[..], b"{"] {
            assert_eq!(with_carried(other.to_vec(), &headers, None), other);
        }
        assert_eq!(with_carried(b"{ }".to_vec(), &[], None), b"{ }");
    }
}
