//! Lines of JSON, and what they amount to.

use std::time::Duration;

use panthor_fake::trace::{Event, Summary, TraceOptions, Value};
use panthor_sys::*;
use serde_json::json;

use crate::common::*;
use crate::recorder::Recorder;

#[test]
fn a_line_is_what_the_documentation_says() {
    let device = device();
    let file = device.open();
    let trace = Recorder::with(&device, TraceOptions::json());
    let (id, handle) = (vm(&file), bo(&file, MIB));
    trace.skip();
    let ops = [
        map_op(handle, 0x1000, 0x10_0000, 0x2000, NOEXEC | 0x10),
        map_op(0, 0, 1 << 32, 1 << 30, SPARSE),
    ];
    bind(&file, id, &ops);
    let events = trace.take();
    let line = events[0].to_json();
    let parsed: serde_json::Value = serde_json::from_str(&line).unwrap();
    let constant = |key: &str| parsed[key].clone();
    assert_eq!(constant("call"), "DRM_IOCTL_PANTHOR_VM_BIND");
    assert_eq!(constant("request"), DRM_IOCTL_PANTHOR_VM_BIND);
    assert_eq!((constant("v"), constant("on")), (json!(1), json!("renderD128")));
    assert_eq!(constant("pid"), std::process::id());
    assert!(parsed["time_ns"].is_u64() && parsed["took_ns"].is_u64() && parsed["arg"].is_u64());
    assert!(parsed.get("fd").is_none());
    assert_eq!(
        constant("args"),
        json!({
            "vm_id": 1,
            "flags": [],
            "ops": [
                {
                    "type": "MAP", "bo_handle": 1, "bo_offset": 4096, "va": 1 << 20, "size": 8192,
                    "flags": ["NOEXEC", "0x10"], "syncs": [],
                },
                {
                    "type": "MAP", "bo_handle": 0, "bo_offset": 0, "va": 1_u64 << 32,
                    "size": 1 << 30, "flags": ["NOEXEC", "SPARSE"], "syncs": [],
                },
            ],
        })
    );
    assert_eq!((constant("result"), constant("errno")), (json!(-22), json!("EINVAL")));
    assert_eq!(constant("out"), json!({ "ops_count": 0 }));
}

#[test]
fn shortened_and_unreadable_arrays_say_so() {
    let device = device();
    let file = device.open();
    let trace = Recorder::with(&device, TraceOptions::json().elements(1));
    let (handles, points) = ([1_u32, 2, 3], 0x99);
    let args = drm_syncobj_timeline_array { points, ..timeline_array(&handles, &[]) };
    ioctl(&file, DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, &mut args.clone());
    let label = drm_panthor_bo_set_label { handle: 1, pad: 0, label: 0x99 };
    ioctl(&file, DRM_IOCTL_PANTHOR_BO_SET_LABEL, &mut label.clone());
    ioctl_at(&file, DRM_IOCTL_GEM_CLOSE, 0x99);
    let events = trace.take();
    let parsed: Vec<serde_json::Value> =
        events.iter().map(|event| serde_json::from_str(&event.to_json()).unwrap()).collect();
    assert_eq!(
        parsed[0]["args"],
        json!({ "handles": [1], "handles_count": 3, "points": [], "points_count": 3,
                "points_fault": 0x99, "flags": [] })
    );
    assert_eq!(parsed[1]["args"], json!({ "handle": 1, "label": null, "label_fault": 0x99 }));
    assert_eq!((&parsed[2]["args"], &parsed[2]["out"]), (&json!(null), &json!(null)));
    for event in events {
        let again = Event::from_json(&event.to_json()).unwrap();
        assert_eq!(again.to_json().len(), event.to_json().len());
        assert_eq!((again.time, again.took, again.who), (event.time, event.took, event.who));
    }
}

#[test]
fn what_is_no_line_is_refused_with_a_reason() {
    for (line, reason) in [
        ("ioctl(3, ...) = 0", "no JSON"),
        ("[]", "no JSON object"),
        ("{}", "`v`"),
        (r#"{"v":2}"#, "version 2"),
        (r#"{"v":1}"#, "`time_ns`"),
        (r#"{"v":1,"time_ns":-1}"#, "`time_ns`"),
        (r#"{"v":1,"time_ns":1,"on":"nvidia0"}"#, "nvidia0"),
        (r#"{"v":1,"time_ns":1,"on":"renderD128"}"#, "`file`"),
        (r#"{"v":1,"time_ns":1,"on":"syncobj"}"#, "`call`"),
        (
            r#"{"v":1,"time_ns":1,"took_ns":1,"on":"syncobj","call":"x","pid":1,"tid":5000000000}"#,
            "`tid`",
        ),
        (
            r#"{"v":1,"time_ns":1,"took_ns":1,"on":"syncobj","call":"x","pid":1,"tid":1,"request":1,"arg":1}"#,
            "`args`",
        ),
    ] {
        let error = Event::from_json(line).unwrap_err().to_string();
        assert!(error.contains(reason), "{line}: {error}");
    }
    let error = Summary::read(&b"\n{}\n"[..]).unwrap_err().to_string();
    assert!(error.contains("line 2"), "{error}");
}

#[test]
fn numbers_keep_all_their_bits() {
    let device = device();
    let file = device.open();
    let trace = Recorder::with(&device, TraceOptions::json());
    let mut args = drm_panthor_set_user_mmio_offset { offset: u64::MAX - 1 };
    ioctl(&file, DRM_IOCTL_PANTHOR_SET_USER_MMIO_OFFSET, &mut args);
    let line = trace.take()[0].to_json();
    let offset = Event::from_json(&line).unwrap().args.unwrap().get("offset").cloned();
    assert_eq!(offset.as_ref().and_then(Value::as_number), Some(u64::MAX - 1));
}

#[test]
fn a_summary_counts() {
    let device = device();
    let trace = Recorder::with(&device, TraceOptions::json());
    let (file, other) = (device.open(), device.open());
    let (id, handle) = (vm(&file), bo(&file, MIB));
    // Two are done, the third fails, the fourth is not tried.
    let ops = [
        map_op(handle, 0, MIB, MIB, NOEXEC),
        map_op(0, 0, GIB, 8 * MIB, SPARSE),
        map_op(77, 0, 0, PAGE, 0),
        map_op(handle, 0, 0, PAGE, 0),
    ];
    assert_eq!(bind(&file, id, &ops), (-22, 2));
    // Over the sparse range and a half of what was there.
    assert_eq!(bind(&file, id, &[map_op(0, 0, MIB, MIB / 2, SPARSE)]), (0, 1));
    unmap(&file, id, 0, 2 * GIB);
    let second = vm(&other);
    assert_eq!(bind_async(&other, second, &[map_op(0, 0, GIB, 16 * MIB, SPARSE)]), 0);
    drop(other);
    let again = vm(&file);
    assert_eq!(bind(&file, again, &[map_op(0, 0, GIB, MIB, SPARSE)]), (0, 1));
    ok(&file, DRM_IOCTL_PANTHOR_VM_DESTROY, drm_panthor_vm_destroy { id: again, pad: 0 });
    assert_eq!(bind(&file, id, &[map_op(0, 0, GIB, 10 * MIB, SPARSE)]), (0, 1));
    let events = trace.take();
    let lines: String = events.iter().map(|event| event.to_json() + "\n").collect();
    let mut direct = Summary::default();
    events.iter().for_each(|event| direct.add(event));
    // One that was killed in the middle of a line.
    let cut = lines.clone() + &lines[..40];
    for summary in
        [Summary::read(lines.as_bytes()).unwrap(), Summary::read(cut.as_bytes()).unwrap(), direct]
    {
        let calls = &summary.calls["DRM_IOCTL_PANTHOR_VM_BIND"];
        assert_eq!((calls.count, calls.errors["EINVAL"], calls.errors.len()), (6, 1, 1));
        assert!(calls.took > Duration::ZERO);
        assert_eq!(summary.calls["DRM_IOCTL_PANTHOR_VM_CREATE"].count, 3);
        assert_eq!(summary.calls["open"].count, 2);
        assert_eq!(summary.call_count(), 13);
        assert_eq!((summary.sparse().count, summary.sparse().bytes), (5, 35 * MIB + MIB / 2));
        assert_eq!((summary.bind_ops["MAP"].count, summary.bytes_mapped()), (1, MIB));
        assert_eq!(
            (summary.bind_ops["UNMAP"].count, summary.bind_ops["UNMAP"].bytes),
            // Of the range of 2 GiB, so much was mapped.
            (1, 9 * MIB)
        );
        assert_eq!(summary.bind_ops_left_out, 0);
        assert_eq!(summary.peak_mapped, MIB);
        // The other file's are gone with it, the destroyed VM's with that.
        assert_eq!(summary.peak_sparse, 16 * MIB);
        assert_eq!(summary.slowest.len(), 10);
        assert!(summary.slowest.is_sorted_by(|a, b| a.took >= b.took));
        let table = summary.to_string();
        check_units(&table);
        assert!(table.contains("  PANTHOR_VM_BIND (1 EINVAL)\n"), "{table}");
        assert!(
            table.contains("  MAP sparse\n") && table.contains("16777216  sparse at most"),
            "{table}"
        );
    }
}

/// Checks that every time in a table has the unit of its column's title.
#[track_caller]
fn check_units(table: &str) {
    let title = |line: &&str| line.contains("total µs") || line.contains("took µs");
    assert_eq!(table.lines().filter(title).count(), 2, "{table}");
    for unit in [" ns", " ms", " µs ", " s "] {
        let rows = table.lines().filter(|line| !title(line));
        assert_eq!(rows.filter(|line| line.contains(unit)).count(), 0, "{unit}: {table}");
    }
}

#[test]
fn a_summary_of_a_shortened_trace_says_what_it_lacks() {
    let device = device();
    let file = device.open();
    let trace = Recorder::with(&device, TraceOptions::json().elements(1));
    let id = vm(&file);
    assert_eq!(bind(&file, id, &[unmap_op(0, PAGE), unmap_op(PAGE, PAGE), unmap_op(0, PAGE)]).0, 0);
    let mut summary = Summary::default();
    trace.take().iter().for_each(|event| summary.add(event));
    assert_eq!((summary.bind_ops["UNMAP"].count, summary.bind_ops_left_out), (1, 2));
    assert!(summary.to_string().contains("not in the trace"));
}
