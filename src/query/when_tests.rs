//! Times and windows in their written forms.

use super::*;

fn berlin() -> TimeZone {
    TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
}

fn utc(text: &str) -> Time {
    Time(text.parse::<Timestamp>().unwrap().as_millisecond())
}

#[test]
fn times_are_parsed_in_their_usual_forms() {
    let zone = berlin();
    // A Tuesday, half past two at night in Berlin.
    let now = utc("2026-11-24T01:30:00Z");
    for (text, from, to) in [
        ("now", "2026-11-24T01:30:00Z", "2026-11-24T01:30:00Z"),
        ("2h", "2026-11-23T23:30:00Z", "2026-11-23T23:30:00Z"),
        ("3d", "2026-11-21T01:30:00Z", "2026-11-21T01:30:00Z"),
        ("today", "2026-11-23T23:00:00Z", "2026-11-24T22:59:59.999Z"),
        ("yesterday", "2026-11-22T23:00:00Z", "2026-11-23T22:59:59.999Z"),
        ("2026-04-10", "2026-04-09T22:00:00Z", "2026-04-10T21:59:59.999Z"),
        // The clocks were set forward: a day of 23 hours.
        ("2026-03-29", "2026-03-28T23:00:00Z", "2026-03-29T21:59:59.999Z"),
        ("2026-04-10T12:30", "2026-04-10T10:30:00Z", "2026-04-10T10:30:00Z"),
        ("2026-04-10 12:30:05", "2026-04-10T10:30:05Z", "2026-04-10T10:30:05Z"),
        ("2026-04-10T12:30Z", "2026-04-10T12:30:00Z", "2026-04-10T12:30:00Z"),
        ("2026-04-10T12:30-05:00", "2026-04-10T17:30:00Z", "2026-04-10T17:30:00Z"),
        ("2026/04/10.12:30", "2026-04-10T10:30:00Z", "2026-04-10T10:30:00Z"),
        // One rule for all spellings: a period counts up to its end.
        ("2026/04/10", "2026-04-09T22:00:00Z", "2026-04-10T21:59:59.999Z"),
        ("2026/03/29", "2026-03-28T23:00:00Z", "2026-03-29T21:59:59.999Z"),
        ("2026", "2025-12-31T23:00:00Z", "2026-12-31T22:59:59.999Z"),
        ("2026/11", "2026-10-31T23:00:00Z", "2026-11-30T22:59:59.999Z"),
        ("2026-11", "2026-10-31T23:00:00Z", "2026-11-30T22:59:59.999Z"),
        ("2026-02", "2026-01-31T23:00:00Z", "2026-02-28T22:59:59.999Z"),
        // The last time that it was that time.
        ("02:20", "2026-11-24T01:20:00Z", "2026-11-24T01:20:00Z"),
        ("2:20:05", "2026-11-24T01:20:05Z", "2026-11-24T01:20:05Z"),
        ("14:20", "2026-11-23T13:20:00Z", "2026-11-23T13:20:00Z"),
        ("yesterday 14:00", "2026-11-23T13:00:00Z", "2026-11-23T13:00:00Z"),
        ("Today 01:00", "2026-11-24T00:00:00Z", "2026-11-24T00:00:00Z"),
    ] {
        let when = WrittenTime::parse(text).unwrap();
        assert_eq!(when.resolve(End::From, now, &zone), Ok(utc(from)), "{text}");
        assert_eq!(when.resolve(End::To, now, &zone), Ok(utc(to)), "{text}");
    }
    for bad in [
        "",
        "5",
        "-2h",
        "tomorrow",
        "2026-13-01",
        "12:60",
        "2026-04-10T",
        "h",
        "1e3s",
        "2026-13",
        "2026-1",
    ] {
        assert!(WrittenTime::parse(bad).is_err(), "{bad}");
    }
    // Time zones in brackets are refused.
    for bad in [
        "2026-04-10T12:30[Asia/Tokyo]",
        "2026-04-10T12:30+02:00[Asia/Tokyo]",
        "2026-04-10[u-ca=gregory]",
        "2026.12",
        "2026/04.12:30",
    ] {
        assert!(WrittenTime::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn ambiguous_and_skipped_hours_are_refused_with_both_readings() {
    let zone = berlin();
    let error = |text| {
        let when = WrittenTime::parse(text).unwrap();
        when.resolve(End::From, Time(0), &zone).unwrap_err().to_string()
    };
    let twice = error("2026-10-25T02:30");
    assert!(twice.contains("2026-10-25T02:30:00+02:00"), "{twice}");
    assert!(twice.contains("2026-10-25T02:30:00+01:00"), "{twice}");
    let never = error("2026-03-29T02:30");
    assert!(never.contains("2026-03-29T02:30:00+01:00"), "{never}");
    assert!(never.contains("2026-03-29T02:30:00+02:00"), "{never}");
}

/// `-t` accepts the spellings that it suggests, and each of them is the intended time.
#[test]
fn windows_accept_the_spelling_that_they_suggest_for_an_ambiguous_hour() {
    let zone = berlin();
    let resolved = |text: &str| {
        let Ok(TimeWindow::Between(from, Some(to))) = window(text) else { panic!("{text}") };
        let end = to.resolve(End::To, Time(0), &zone);
        Ok::<_, WhenError>((from.resolve(End::From, Time(0), &zone)?, end?))
    };
    let twice = resolved("2026/10/25.02:30-2026/10/25.04").unwrap_err().in_slashes();
    let proposals = ["2026/10/25.02:30:00+02:00", "2026/10/25.02:30:00+01:00"];
    for (text, utc_time) in proposals.into_iter().zip(["00:30", "01:30"]) {
        assert!(twice.to_string().contains(text), "{twice}");
        let (from, to) = resolved(&format!("{text}-{text}")).unwrap();
        assert_eq!(from, utc(&format!("2026-10-25T{utc_time}:00Z")), "{text}");
        assert_eq!(to, from);
    }
    // An offset west of Greenwich has the same sign that separates two times.
    let west = resolved("2026/10/25.02:30-05:00-2026/10/25.02:30-04:00").unwrap();
    assert_eq!(west, (utc("2026-10-25T07:30:00Z"), utc("2026-10-25T06:30:00Z")));
    assert_eq!(
        resolved("2026/10/25.02:30Z-2026/10/25.04:00Z").unwrap().0,
        utc("2026-10-25T02:30:00Z")
    );
    for bad in ["2026/10/25+02:00", "2026/10/25.02:30+2", "2026/10/25.02:30+02:00+01:00"] {
        assert!(window(bad).is_err(), "{bad}");
    }
}

#[test]
fn windows_are_nfdumps() {
    let wall = |year, month, day, hour, minute, second| {
        WrittenTime::Wall(DateTime::new(year, month, day, hour, minute, second, 0).unwrap())
    };
    for (text, want) in [
        ("2026/04/10", TimeWindow::Between(wall(2026, 4, 10, 0, 0, 0), None)),
        ("2026", TimeWindow::Between(wall(2026, 1, 1, 0, 0, 0), None)),
        (
            "2026/04/10.12-2026/04/10.12:30:05",
            TimeWindow::Between(wall(2026, 4, 10, 12, 0, 0), Some(wall(2026, 4, 10, 12, 30, 5))),
        ),
        ("+10", TimeWindow::Head(10_000)),
        ("-90", TimeWindow::Tail(90_000)),
    ] {
        assert_eq!(window(text), Ok(want), "{text}");
    }
    for bad in [
        "",
        "+",
        "-",
        "+0",
        "26/04/10",
        "2026/4/31",
        "2026/04/10-",
        "x",
        "2026/1/1/1",
        // nfdump also refuses a time without a whole date.
        "2026.12",
        "2026/04.12:30",
        "++5",
        "-+5",
        "+-5",
    ] {
        assert!(window(bad).is_err(), "{bad}");
    }
}

#[test]
fn an_end_as_a_time_of_day_is_the_first_one_after_the_begin() {
    let (zone, now) = (berlin(), utc("2026-11-24T01:30:00Z"));
    let from = utc("2026-11-23T22:00:00Z");
    for (text, want) in [
        ("00:30", "2026-11-23T23:30:00Z"),
        ("23:00", "2026-11-23T22:00:00Z"),
        ("23:15", "2026-11-23T22:15:00Z"),
        ("22:59", "2026-11-24T21:59:00Z"),
    ] {
        let when = WrittenTime::parse(text).unwrap();
        assert_eq!(when.resolve_after(from, now, &zone), Ok(utc(want)), "{text}");
    }
    for bad in
        ["24:00", "14:60", "1:2:3:4", "14:", ":20", "yesterday x", "tomorrow 14:00", "014:20"]
    {
        assert!(WrittenTime::parse(bad).is_err(), "{bad}");
    }
}
