//! Who is answered when, on a clock of its own.

use super::*;
use crate::snapshot::Window;

fn view(limit: usize) -> View {
    View { limit, ..View::default() }
}

/// Clients from here on never take an answer.
const IDLE: Id = 1_000;

fn takes(client: &Id) -> bool {
    *client < IDLE
}

/// Runs a desk for some seconds of its time, in which an answer to a view costs
/// a microsecond for each of its rows. Tells of the answers when they began.
fn run(desk: &mut Desk, from: u64, seconds: u64) -> Vec<(usize, u64)> {
    let frame: Arc<[u8]> = Arc::new([]);
    let (mut now, mut answers) = (from, Vec::new());
    while now < from + seconds * SECOND {
        match desk.next(now) {
            Next::Watched(view, _) => {
                answers.push((view.limit, now));
                let clients = desk.answered(&view, &frame, now, view.limit as u64);
                clients.into_iter().filter(takes).for_each(|client| desk.taken(client));
                now += view.limit as u64;
            }
            Next::Question(question) => {
                let cost = question.asked.about.limit as u64;
                answers.push((question.asked.about.limit, now));
                desk.told(now, cost);
                now += cost;
            }
            Next::Wait(Some(until)) => now = until,
            Next::Wait(None) => break,
        }
    }
    answers
}

fn count(answers: &[(usize, u64)], limit: usize) -> usize {
    answers.iter().filter(|answer| answer.0 == limit).count()
}

#[test]
fn cheap_views_are_answered_every_second_once_for_all_who_watch() {
    let mut desk = Desk::default();
    for client in 0..16 {
        assert_eq!(desk.watch(client, view(200), 5), None);
    }
    let answers = run(&mut desk, 5, 10);
    assert_eq!(count(&answers, 200), 10);
    assert_eq!(answers[0].1, 5, "at once");
    let frame = desk.watch(20, view(200), 11 * SECOND);
    assert!(frame.is_some(), "who comes later has the answer of the others");
    let clients = desk.answered(&view(200), &frame.unwrap(), 0, 1);
    assert_eq!(clients.len(), 17);
    assert_eq!(desk.next(SECOND * 30), Next::Watched(view(200), 1));
    (0..21).for_each(|client| desk.leave(client));
    assert_eq!(desk.next(SECOND * 40), Next::Wait(None));
}

#[test]
fn dear_views_come_less_often_and_cheap_ones_do_not_suffer() {
    let mut desk = Desk::default();
    desk.watch(0, view(1_000), 0);
    // 16 views of about 50 ms: 800 ms in each second were they all answered.
    for client in 1..=16 {
        desk.watch(client, view(50_000 + client as usize), 0);
    }
    run(&mut desk, 0, 80);
    let answers = run(&mut desk, 80 * SECOND, 64);
    assert!(count(&answers, 1_000) >= 60, "{}", count(&answers, 1_000));
    for client in 1..=16 {
        let often = count(&answers, 50_000 + client);
        assert!((15..=17).contains(&often), "every 4 s, not {often} times in 64 s");
    }
    let work: usize = answers.iter().map(|answer| answer.0).sum();
    assert!(work <= 64 * 250_000, "{work} us");
    assert!(matches!(desk.next(150 * SECOND), Next::Watched(_, 1 | 4)));
}

#[test]
fn nothing_is_made_for_those_who_do_not_take_it() {
    let mut desk = Desk::default();
    desk.watch(0, view(30_000), 0);
    run(&mut desk, 0, 12);
    for client in 0..50 {
        desk.watch(IDLE + client, view(50_000 + client as usize), 12 * SECOND);
    }
    // All have one, and another that they might have taken meanwhile.
    let begin = run(&mut desk, 12 * SECOND, 8);
    assert!(count(&begin, 30_000) >= 7, "nor does it wait for them: {begin:?}");
    let desk = &mut desk;
    run(desk, 20 * SECOND, 40);
    let answers = run(desk, 60 * SECOND, 60);
    assert!(count(&answers, 30_000) >= 59, "{}", count(&answers, 30_000));
    assert_eq!(answers.len(), count(&answers, 30_000), "nothing else");
    // Who takes its answer after all has the next.
    desk.taken(IDLE);
    let answers = run(desk, 120 * SECOND, 20);
    assert_eq!(count(&answers, 50_000), 2);
    assert_eq!(count(&answers, 50_001), 0);
    // One who takes them is enough for all who watch the same.
    desk.watch(7, view(50_001), 140 * SECOND);
    assert!(count(&run(desk, 140 * SECOND, 10), 50_001) >= 9);
}

#[test]
fn dear_questions_wait_and_nobody_waits_for_them() {
    let mut desk = Desk::default();
    desk.watch(0, view(30_000), 0);
    run(&mut desk, 0, 12);
    // Each costs three seconds of work, and there is always another.
    let (mut dear, mut shown) = (0, 0);
    for second in 12..66 {
        desk.ask(1, Numbered { number: second as u32, about: view(3_000_000) }, second * SECOND);
        let answers = run(&mut desk, second * SECOND, 1);
        dear += count(&answers, 3_000_000);
        shown += count(&answers, 30_000);
        desk.large_done();
    }
    assert!((2..=5).contains(&dear), "a quarter of a core at most: {dear}");
    assert!(shown >= 50, "{shown}");
}

#[test]
fn an_old_answer_is_not_given_to_who_comes_anew() {
    let mut desk = Desk::default();
    desk.watch(IDLE, view(200), 0);
    run(&mut desk, 0, 20);
    assert_eq!(desk.watch(1, view(200), 20 * SECOND), None, "it is twenty seconds old");
    assert!(matches!(desk.next(20 * SECOND), Next::Watched(..)), "a new one is made at once");
}

#[test]
fn changing_the_view_all_the_time_costs_no_more_than_the_budget() {
    let mut desk = Desk::default();
    let frame: Arc<[u8]> = Arc::new([]);
    let (mut now, mut work) = (0, 0);
    while now < 100 * SECOND {
        let other = View { at: Some(crate::flow::Time(now as i64)), ..view(20_000) };
        desk.watch(1, other.clone(), now);
        match desk.next(now) {
            Next::Watched(view, _) => {
                desk.answered(&view, &frame, now, 20_000);
                desk.taken(1);
                work += 20_000;
                now += 20_000;
            }
            _ => now += 1_000,
        }
    }
    assert!((24 * SECOND..=26 * SECOND).contains(&work), "{work}");
}

#[test]
fn a_changed_view_is_answered_before_the_second_is_over() {
    let mut desk = Desk::default();
    desk.watch(1, view(300), 0);
    run(&mut desk, 0, 3);
    let now = 3 * SECOND + SECOND / 2;
    desk.watch(1, View { window: Window::Hour, ..view(300) }, now);
    assert!(matches!(desk.next(now), Next::Watched(View { window: Window::Hour, .. }, 1)));
}

#[test]
fn one_large_answer_at_a_time_and_few_questions_of_one() {
    let mut desk = Desk::default();
    let asked = |number, limit| Numbered { number, about: view(limit) };
    assert!(desk.ask(1, asked(1, LARGE_ROWS + 1), 0));
    assert!(desk.ask(2, asked(2, LARGE_ROWS + 1), 0));
    assert!(desk.ask(3, asked(3, 10), 1));
    let numbers = |next| match next {
        Next::Question(question) => Some(question.asked.number),
        _ => None,
    };
    assert_eq!(numbers(desk.next(2)), Some(1));
    desk.told(2, 1);
    assert_eq!(numbers(desk.next(3)), Some(3), "the other large one waits");
    assert_eq!(numbers(desk.next(4)), None);
    desk.large_done();
    assert_eq!(numbers(desk.next(4)), Some(2));
    let taken = (0..20).filter(|number| desk.ask(9, asked(*number, 1), 5)).count();
    assert_eq!(taken, MAX_QUESTIONS);
    assert!(desk.ask(8, asked(1, 1), 5), "another client is not concerned");
    desk.leave(9);
    assert_eq!(numbers(desk.next(6)), Some(1));
}
