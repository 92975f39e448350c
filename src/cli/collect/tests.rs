//! Words of nfcapd's users, as they type them.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::cli::{Collecting, Command, Level, Target, read_from};
use crate::flow::{Host, Sampling};

fn read(words: &str) -> Result<Collecting, String> {
    let words = format!("toptalk collect {words}");
    match read_from(words.split_whitespace())? {
        Command::Collect(collecting) => Ok(*collecting),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_line_of_the_model_user_gets_its_equivalent_and_the_way_to_a_service() {
    let said = read("-w -D -l /srv/netflow/cisco -p 34343").unwrap_err();
    let expected = "error: -D: toptalk always runs in the foreground; run it as a systemd service, or with &\n\n\
         The same with toptalk:\n  toptalk collect -w /srv/netflow/cisco -p 34343\n\
         As a service that systemd starts and restarts, with the unit that this command prints:\n  \
         toptalk setup systemd\n";
    assert_eq!(said, expected);
    let collecting = read("-w /srv/netflow/cisco -p 34343").unwrap();
    assert_eq!(collecting.collect.listen.ports, [34343]);
    assert_eq!(collecting.record.folders(), [PathBuf::from("/srv/netflow/cisco")]);
}

#[test]
fn equivalents_keep_the_order_and_what_a_shell_must_not_split() {
    for (words, line) in [
        (
            "-D -P /run/nfcapd.pid -u netflow -g netflow -z -S 1 -l /a -t 60 -e --expire-age 30d",
            "-S 1 -w /a -t 60 -e --expire-age 30d",
        ),
        (
            "-Dw /a -n r1,192.0.2.1,/b -n r2,192.0.2.2,/c",
            "-w /a -n r1,192.0.2.1,/b -n r2,192.0.2.2,/c",
        ),
        ("-D -w /a -x run%f;x -s -100 -4", "-w /a -x 'run%f;x' -s -100 -4"),
    ] {
        let said = read(words).unwrap_err();
        assert!(said.contains(&format!("\n  toptalk collect {line}\n")), "{words}: {said}");
    }
    let said = read("-w /a -P /x -u me -J 239.1.1.1").unwrap_err();
    for hint in ["-P: there is no PID file", "-u: set User=", "-J: multicast is not supported"] {
        assert!(said.contains(hint), "{said}");
    }
}

#[test]
fn w_takes_a_folder_only_when_no_option_follows() {
    let folder = |words: &str| read(words).map(|one| one.record.folders());
    let a = Ok(vec![PathBuf::from("/a")]);
    for words in ["-w /a", "-w/a", "-l /a", "-w -l /a", "-l /a -w", "-l /a -w -p 1", "--record /a"]
    {
        assert_eq!(folder(words), a, "{words}");
    }
    assert_eq!(folder("--record /b -w /a"), a);
    assert!(folder("-l /a -w /b").unwrap_err().contains("found `/b`"));
    for words in ["-w", "-w -p 2055"] {
        assert!(folder(words).unwrap_err().contains("-w DIR, or -l DIR in addition"), "{words}");
    }
    assert_eq!(folder("-p 2055"), Ok(Vec::new()), "it need not record");
}

#[test]
fn named_exporters_have_folders_and_are_the_allow_list() {
    let collecting = read("-n r1,192.0.2.1,/r,1 -n r2,2001:db8::1,/r2").unwrap();
    let plan = &collecting.record;
    let host = |text: &str| -> Host { text.parse().unwrap() };
    assert_eq!(plan.sources[0].0, host("192.0.2.1"));
    assert_eq!(plan.sources[0].1.settings.folder, Path::new("/r,1"));
    assert_eq!(plan.sources[1].1.ident, "r2");
    assert!(plan.rest.is_none());
    let policy = collecting.policy_for(plan);
    assert!(policy.allows(host("2001:db8::1")) && !policy.allows(host("192.0.2.2")));
    let more = read("-n r1,192.0.2.1,/r1 -w /a --allow 10.0.0.0/8").unwrap();
    let policy = more.policy_for(&more.record);
    assert!(policy.allows(host("10.1.1.1")) && policy.allows(host("192.0.2.1")));
    assert_eq!(more.record.folders(), ["/r1", "/a"].map(PathBuf::from));
    let each = read("-M /srv -t 60").unwrap().record;
    assert_eq!((each.folders(), each.slot_seconds()), (vec![PathBuf::from("/srv")], 60));
}

#[test]
fn other_words_of_nfcapd_become_settings() {
    let words = "-w /a -I upstream -s 100 -e --expire-size 50G -x /bin/true -B 4000000 \
                 -R 192.0.2.9/2055 -R [::1]/9995 -6 -j --log-level debug --alert-up 80M";
    let collecting = read(words).unwrap();
    assert_eq!(collecting.record.rest.as_ref().unwrap().ident, "upstream");
    assert_eq!(collecting.collect.policy.assumed, Sampling::one_in(100));
    assert_eq!(collecting.hook.as_ref().unwrap().words, ["/bin/true"]);
    assert_eq!(collecting.hook.unwrap().limit.as_secs(), 60);
    for words in ["-w /a -x date%%s", "-w /a -x %%%f%%q"] {
        assert!(read(words).is_ok_and(|one| one.hook.is_some()), "{words}");
    }
    assert_eq!(
        (collecting.collect.listen.buffer, collecting.collect.listen.v6_only),
        (Some(4_000_000), true)
    );
    let repeat = |host: &str, port| Target { host: host.to_owned(), port };
    assert_eq!(collecting.repeat, [repeat("192.0.2.9", 2055), repeat("::1", 9995)]);
    assert_eq!((collecting.level, collecting.notes.len()), (Level::Debug, 1));
    assert_eq!(collecting.collect.config.rules.host_up, Some(80_000_000));
    let given = read("-w /a -s -50 --sampling 192.0.2.1=7").unwrap().collect.policy;
    assert_eq!(given.rate_of(Host::octets(192, 0, 2, 1)), Some(Sampling::one_in(7)));
    assert_eq!(given.rate_of(Host::UNSPECIFIED), Some(Sampling::one_in(50)));
    let v4 = read("-w /a -4").unwrap().collect.listen;
    assert_eq!(v4.address, Some(IpAddr::from([0, 0, 0, 0])));
}

#[test]
fn words_on_recording_have_nothing_to_do_where_nothing_is_recorded() {
    for (words, flags) in [
        ("-t 60", "--slot"),
        ("-S 1 -x true", "--hierarchy, --hook"),
        ("--expire-age 3d --expire-size 5G -I r1", "--expire-age, --expire-size, --ident"),
        ("--hook-limit 5", "--hook-limit"),
    ] {
        let notes = read(words).unwrap().notes;
        assert!(notes.iter().any(|note| note.starts_with(&format!("{flags}: "))), "{notes:?}");
        let hook = if words.contains("-x") { "" } else { "-x true" };
        assert_eq!(read(&format!("-w /a {hook} {words}")).unwrap().notes, [""; 0]);
    }
    assert_eq!(read("-p 2055").unwrap().notes, [""; 0]);
    let notes = read("-w /a --hook-limit 5").unwrap().notes;
    assert!(notes[0].starts_with("--hook-limit: "), "{notes:?}");
}

#[test]
fn wrong_words_are_refused_with_what_was_expected() {
    for (words, expected) in [
        ("-w /a -s 0", "a rate such as 100, or -100"),
        ("-w /a -s 5000000000", "a rate such as 100"),
        ("-w /a -e", "--expire-age 30d"),
        ("-w /a -R 192.0.2.9", "HOST/PORT as in 192.0.2.9/2055"),
        ("-w /a -R /2055", "HOST/PORT"),
        ("-w /a -B 1k", "from 4096 bytes to 1G"),
        ("-w /a -x %q", "expected %f %d %t %u %i or %%, found `%q`"),
        ("-w /a -x %%%", "a lone % at the end"),
        ("-w /a -x send%", "a lone % at the end"),
        ("-w /a -x 'open", "a closing '"),
        ("-w /a -I a/b", "letters, digits"),
        ("-n r1,192.0.2.1", "IDENT,ADDRESS,DIR as in router1"),
        ("-n r1,router,/a", "IDENT,ADDRESS,DIR"),
        ("-n r1,192.0.2.1,/a -n r2,192.0.2.1,/b", "one folder for 192.0.2.1"),
        ("-n r1,192.0.2.1,/a -n r2,192.0.2.2,/a", "found /a twice"),
        ("-n r1,192.0.2.1,/a --allow 10.0.0.0/8", "a folder for the other exporters"),
        ("-M /a -w /b", "remove -w DIR"),
        ("-w /a -4 -b ::1", "an IPv4 address after -b"),
        ("-w /a -6 -b 127.0.0.1", "an IPv6 address after -b"),
        ("-w /a --log-level loud", "error, warn, info, debug or trace"),
        ("-w /a -T all", "every field is recorded"),
    ] {
        let message = read(words).expect_err(words);
        assert!(message.contains(expected), "{words}: {message}");
    }
}
