use super::*;

#[test]
fn a_message_of_the_original_is_complete() {
    let job = JobMessage::parse(br#"{"runId":"r","blueprintId":"b","nodeId":"n"}"#).unwrap();
    assert_eq!((job.run_id.as_str(), job.round, job.attempt), ("r", None, None));
}

#[test]
fn fields_of_others_stay_and_ours_come_and_go() {
    let body = br#"{"blueprintId":"b","nodeId":"n","putBackSince":7,"runId":"r","traceId":{"a":1}}"#;
    let job = JobMessage::parse(body).unwrap();
    assert_eq!(job.to_body(), body);
    let body =
        br#"{"blueprintId":"b","nodeId":"n","runId":"r","traceId":{"a":1},"repeated":true,"replayed":true}"#;
    assert_eq!(String::from_utf8(job.replayed().to_body()).unwrap(), String::from_utf8_lossy(body));
}

#[test]
fn what_a_message_no_longer_says_leaves_its_body() {
    // Every field by name: one that is added has to be added here, too.
    let said = JobMessage {
        run_id: "r".into(),
        blueprint_id: "b".into(),
        node_id: "n".into(),
        round: Some(1),
        original: None,
        is_last_attempt: Some(false),
        attempt: Some(2),
        not_before: Some(1),
        wakes: true,
        put_back_since: Some(1),
        busy_since: Some(1),
        abandoned_for: Some("why".into()),
        lacking: vec!["revision".into()],
        repeated: true,
        copy: true,
        replayed: true,
        untold: true,
        ends: true,
        at: Some(1),
        carried: Some(Carried { priority: Some(1), ..Carried::default() }.into()),
    };
    let fields: IndexMap<String, Box<RawValue>> = serde_json::from_slice(&said.to_body()).unwrap();
    let stays = ["runId", "blueprintId", "nodeId", "round"];
    let optional = fields.keys().filter(|field| !stays.contains(&field.as_str()));
    let mut ours = OURS;
    ours.sort_unstable();
    let mut optional: Vec<&str> = optional.map(String::as_str).collect();
    optional.sort_unstable();
    assert_eq!(optional, ours);
}

#[test]
fn what_is_not_a_job_says_why() {
    for (body, why) in [
        (&b"{"[..], "EOF"),
        (b"[]", "array"),
        (br#"{"runId":"r","blueprintId":"b"}"#, "nodeId"),
        (br#"{"runId":1,"blueprintId":"b","nodeId":"n"}"#, "string"),
        (br#"{"runId":"","blueprintId":"b","nodeId":"n"}"#, "'runId' is empty"),
        (br#"{"runId":"r","blueprintId":"b","nodeId":"\u0000"}"#, "U+0000"),
    ] {
        let error = JobMessage::parse(body).unwrap_err();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn nesting_without_end_is_refused_and_does_not_exhaust_the_stack() {
    let body = [vec![b'['; 10_000], vec![b']'; 10_000]].concat();
    assert!(JobMessage::parse(&body).is_err());
}
