//! Who is answered when, on a clock of its own.

use super::*;
use crate::snapshot::Window;

fn view(limit: usize) -> View {
    View { limit, ..View::default() }
}

/// A view whose answer costs so many microseconds, whatever its rows are.
fn costing(limit: usize, cost: i64) -> View {
    View { at: Some(crate::flow::Time(cost)), ..view(limit) }
}

/// What its answer costs: as many microseconds as it has rows, unless it says otherwise.
fn cost_of(view: &View) -> u64 {
    view.at.map_or(view.limit as u64, |at| at.0 as u64)
}

/// Clients from here on never take an answer.
const IDLE: ClientId = 1_000;

fn takes(client: &ClientId) -> bool {
    *client < IDLE
}

/// Runs a scheduler for some seconds of its time, in which an answer to a view costs
/// a microsecond for each of its rows; what is slow is made beside the rest. Tells of
/// the answers when they began.
fn run(scheduler: &mut AnswerScheduler, from: u64, seconds: u64) -> Vec<(usize, u64)> {
    let frame: Arc<[u8]> = Arc::new([]);
    let (mut now, mut answers) = (from, Vec::new());
    // When the thread of slow answers is done with its last one.
    let mut slow_done = from;
    while now < from + seconds * SECOND {
        let mut later = slow_done;
        if slow_done <= now {
            match step(scheduler, AnswerSpeed::Slow, now, &frame) {
                Ok((limit, cost)) => {
                    answers.push((limit, now));
                    slow_done = now + cost;
                    later = slow_done;
                }
                Err(until) => later = until.unwrap_or(u64::MAX),
            }
        }
        match step(scheduler, AnswerSpeed::Quick, now, &frame) {
            Ok((limit, cost)) => {
                answers.push((limit, now));
                now += cost;
            }
            Err(until) => match until.unwrap_or(u64::MAX).min(later) {
                u64::MAX => break,
                until => now = until.max(now + 1),
            },
        }
    }
    answers
}

/// What one thread does next: rows and work of an answer, or until when it waits.
fn step(
    scheduler: &mut AnswerScheduler,
    speed: AnswerSpeed,
    now: u64,
    frame: &Arc<[u8]>,
) -> Result<(usize, u64), Option<u64>> {
    const QUICK: u64 = QUICK_MS * 1000;
    match scheduler.next_of(speed, now) {
        NextAnswer::Watched(view, _)
            if speed == AnswerSpeed::Quick && cost_of(&view) > scheduler.most(&view, QUICK) =>
        {
            let most = scheduler.most(&view, QUICK);
            let clients = scheduler.is_slow(&view, now, most);
            clients.into_iter().filter(takes).for_each(|client| scheduler.taken(client));
            Ok((0, most))
        }
        NextAnswer::Watched(view, _) => {
            let clients = scheduler.answered(&view, frame, now, cost_of(&view));
            clients.into_iter().filter(takes).for_each(|client| scheduler.taken(client));
            Ok((view.limit, cost_of(&view)))
        }
        NextAnswer::Question(question) => {
            let cost = cost_of(&question.asked.about);
            let most = if question.is_first_try() { FIRST_MS * 1000 } else { QUICK };
            if speed == AnswerSpeed::Quick && cost > most {
                scheduler.put_aside(question, now, most);
                return Ok((0, most));
            }
            scheduler.told(question.client, speed, now, cost);
            Ok((question.asked.about.limit, cost))
        }
        NextAnswer::Wait(until) => Err(until),
    }
}

fn count(answers: &[(usize, u64)], limit: usize) -> usize {
    answers.iter().filter(|answer| answer.0 == limit).count()
}

#[test]
fn cheap_views_are_answered_every_second_once_for_all_who_watch() {
    let mut scheduler = AnswerScheduler::default();
    for client in 0..16 {
        assert_eq!(scheduler.watch(client, view(200), 5), None);
    }
    let answers = run(&mut scheduler, 5, 10);
    assert_eq!(count(&answers, 200), 10);
    assert_eq!(answers[0].1, 5, "at once");
    let frame = scheduler.watch(20, view(200), 11 * SECOND);
    assert!(frame.is_some(), "who comes later has the answer of the others");
    let clients = scheduler.answered(&view(200), &frame.unwrap(), 0, 1);
    assert_eq!(clients.len(), 17);
    assert_eq!(scheduler.next(SECOND * 30), NextAnswer::Watched(view(200), 1));
    (0..21).for_each(|client| scheduler.leave(client));
    assert_eq!(scheduler.next(SECOND * 40), NextAnswer::Wait(None));
}

#[test]
fn dear_views_come_less_often_and_cheap_ones_do_not_suffer() {
    let mut scheduler = AnswerScheduler::default();
    scheduler.watch(0, view(1_000), 0);
    // 16 views of about 50 ms: 800 ms in each second were they all answered.
    for client in 1..=16 {
        scheduler.watch(client, view(50_000 + client as usize), 0);
    }
    run(&mut scheduler, 0, 80);
    let answers = run(&mut scheduler, 80 * SECOND, 64);
    assert!(count(&answers, 1_000) >= 60, "{}", count(&answers, 1_000));
    for client in 1..=16 {
        let often = count(&answers, 50_000 + client);
        assert!((15..=17).contains(&often), "every 4 s, not {often} times in 64 s");
    }
    let work: usize = answers.iter().map(|answer| answer.0).sum();
    assert!(work <= 64 * 250_000, "{work} us");
    assert!(matches!(scheduler.next(150 * SECOND), NextAnswer::Watched(_, 1 | 4)));
}

#[test]
fn nothing_is_made_for_those_who_do_not_take_it() {
    let mut scheduler = AnswerScheduler::default();
    scheduler.watch(0, view(30_000), 0);
    run(&mut scheduler, 0, 12);
    for client in 0..50 {
        scheduler.watch(IDLE + client, view(50_000 + client as usize), 12 * SECOND);
    }
    // All have one, and another that they might have taken meanwhile.
    let begin = run(&mut scheduler, 12 * SECOND, 8);
    assert!(count(&begin, 30_000) >= 7, "nor does it wait for them: {begin:?}");
    let scheduler = &mut scheduler;
    run(scheduler, 20 * SECOND, 40);
    let answers = run(scheduler, 60 * SECOND, 60);
    assert!(count(&answers, 30_000) >= 59, "{}", count(&answers, 30_000));
    assert_eq!(answers.len(), count(&answers, 30_000), "nothing else");
    // Who takes its answer after all has the next.
    scheduler.taken(IDLE);
    let answers = run(scheduler, 120 * SECOND, 20);
    assert_eq!(count(&answers, 50_000), 2);
    assert_eq!(count(&answers, 50_001), 0);
    // One who takes them is enough for all who watch the same.
    scheduler.watch(7, view(50_001), 140 * SECOND);
    assert!(count(&run(scheduler, 140 * SECOND, 10), 50_001) >= 9);
}

#[test]
fn dear_questions_wait_and_nobody_waits_for_them() {
    let mut scheduler = AnswerScheduler::default();
    scheduler.watch(0, view(30_000), 0);
    run(&mut scheduler, 0, 12);
    // Each costs three seconds of work, and there is always another.
    let (mut dear, mut shown) = (0, 0);
    for second in 12..66 {
        scheduler.ask(1, Tagged { number: second as u32, about: view(3_000_000) }, second * SECOND);
        let answers = run(&mut scheduler, second * SECOND, 1);
        dear += count(&answers, 3_000_000);
        shown += count(&answers, 30_000);
        scheduler.large_done();
    }
    assert!((2..=5).contains(&dear), "a quarter of a core at most: {dear}");
    assert!(shown >= 50, "{shown}");
}

#[test]
fn an_old_answer_is_not_given_to_who_comes_anew() {
    let mut scheduler = AnswerScheduler::default();
    scheduler.watch(IDLE, view(200), 0);
    run(&mut scheduler, 0, 20);
    assert_eq!(scheduler.watch(1, view(200), 20 * SECOND), None, "it is twenty seconds old");
    assert!(
        matches!(scheduler.next(20 * SECOND), NextAnswer::Watched(..)),
        "a new one is made at once"
    );
}

#[test]
fn changing_the_view_all_the_time_costs_no_more_than_the_budget() {
    let mut scheduler = AnswerScheduler::default();
    let frame: Arc<[u8]> = Arc::new([]);
    let (mut now, mut work) = (0, 0);
    while now < 100 * SECOND {
        let other = View { at: Some(crate::flow::Time(now as i64)), ..view(20_000) };
        scheduler.watch(1, other.clone(), now);
        match scheduler.next(now) {
            NextAnswer::Watched(view, _) => {
                scheduler.answered(&view, &frame, now, 20_000);
                scheduler.taken(1);
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
    let mut scheduler = AnswerScheduler::default();
    scheduler.watch(1, view(300), 0);
    run(&mut scheduler, 0, 3);
    let now = 3 * SECOND + SECOND / 2;
    scheduler.watch(1, View { window: Window::Hour, ..view(300) }, now);
    assert!(matches!(
        scheduler.next(now),
        NextAnswer::Watched(View { window: Window::Hour, .. }, 1)
    ));
}

#[test]
fn one_large_answer_at_a_time_and_few_questions_of_one() {
    let mut scheduler = AnswerScheduler::default();
    let asked = |number, limit| Tagged { number, about: view(limit) };
    assert!(scheduler.ask(1, asked(1, LARGE_ROWS + 1), 0));
    assert!(scheduler.ask(2, asked(2, LARGE_ROWS + 1), 0));
    assert!(scheduler.ask(3, asked(3, 10), 1));
    let numbers = |next| match next {
        NextAnswer::Question(question) => Some(question.asked.number),
        _ => None,
    };
    // Large ones are slow: they do not wait for the others, nor the others for them.
    assert_eq!(numbers(scheduler.next_slow(2)), Some(1));
    scheduler.told(1, AnswerSpeed::Slow, 2, 1);
    assert_eq!(numbers(scheduler.next(3)), Some(3));
    assert_eq!((numbers(scheduler.next_slow(4)), numbers(scheduler.next(4))), (None, None));
    scheduler.large_done();
    assert_eq!(numbers(scheduler.next_slow(4)), Some(2));
    let taken = (0..20).filter(|number| scheduler.ask(9, asked(*number, 1), 5)).count();
    assert_eq!(taken, MAX_QUESTIONS);
    assert!(scheduler.ask(8, asked(1, 1), 5), "another client is not concerned");
    scheduler.leave(9);
    assert_eq!(numbers(scheduler.next(6)), Some(1));
}

#[test]
fn slow_views_and_questions_cost_the_quick_ones_nothing() {
    let mut scheduler = AnswerScheduler::default();
    scheduler.watch(0, view(30_000), 0);
    run(&mut scheduler, 0, 12);
    // Three seconds of work each: eight screens, and a client that asks on and on.
    for client in 1..=8 {
        scheduler.watch(client, view(3_000_000 + client as usize), 12 * SECOND);
    }
    let (mut slow, mut shown, mut asked) = (0, 0, 0);
    for second in 12..212u64 {
        scheduler.ask(9, Tagged { number: 1, about: view(2_000_000) }, second * SECOND);
        scheduler.ask(10, Tagged { number: 2, about: view(100) }, second * SECOND);
        let answers = run(&mut scheduler, second * SECOND, 1);
        scheduler.large_done();
        slow +=
            answers.iter().filter(|answer| answer.0 > 1_000_000).map(|one| one.0).sum::<usize>();
        shown += count(&answers, 30_000);
        asked += count(&answers, 100);
    }
    assert!(shown >= 190, "{shown} of 200 seconds");
    assert!(asked >= 190, "{asked} of 200 quick questions");
    assert!((30_000_000..=56_000_000).contains(&slow), "a quarter of a core: {slow}");
}

#[test]
fn of_what_is_slow_those_come_first_who_had_least() {
    let mut scheduler = AnswerScheduler::default();
    let asked = |number| Tagged { number, about: view(LARGE_ROWS + 1) };
    for number in 0..4 {
        scheduler.ask(1, asked(number), 0);
    }
    let mut order = Vec::new();
    let mut now = 0;
    for _ in 0..4 {
        now += 100 * SECOND;
        if let NextAnswer::Question(question) = scheduler.next_slow(now) {
            order.push((question.client, question.asked.number));
            scheduler.told(question.client, AnswerSpeed::Slow, now, SECOND);
        }
        scheduler.large_done();
        // It comes later, and has had nothing yet.
        if order.len() == 1 {
            scheduler.ask(2, asked(9), now);
        }
    }
    assert_eq!(order, [(1, 0), (2, 9), (1, 1), (1, 2)]);
    scheduler.leave(1);
    scheduler.leave(2);
    assert!(scheduler.had.is_empty(), "nothing is kept of those who have gone");
}

#[test]
fn who_asks_for_little_does_not_wait_for_many_who_ask_for_much() {
    let mut scheduler = AnswerScheduler::default();
    let costs = |limit, cost| Tagged { number: 1, about: costing(limit, cost) };
    // 40 clients with questions of 150 ms and of a second of work, and 20 screens.
    for client in 0..40 {
        let cost = if client % 2 == 0 { 150_000 } else { 1_000_000 };
        scheduler.ask(client, costs(client as usize, cost), 0);
    }
    for client in 40..60 {
        scheduler.watch(client, costing(client as usize, 150_000), 0);
    }
    scheduler.ask(98, costs(98, 5_000), 1);
    scheduler.watch(99, costing(99, 6_000), 1);
    let answers = run(&mut scheduler, 1, 400);
    let at = |limit| answers.iter().find(|answer| answer.0 == limit).map(|answer| answer.1);
    for limit in [98, 99] {
        let waited = at(limit).expect("it is answered");
        assert!(waited <= 2 * SECOND, "{limit}: {} ms", waited / 1000);
    }
    for client in 1..40 {
        assert_eq!(count(&answers, client), 1, "each is answered in the end: {client}");
    }
    // Who comes while the others' work is being paid for is answered at once.
    let now = 401 * SECOND;
    (100..110).for_each(|client| _ = scheduler.ask(client, costs(100, 180_000), now));
    run(&mut scheduler, now, 3);
    scheduler.ask(98, costs(200, 7_000), now + 4 * SECOND);
    let answers = run(&mut scheduler, now + 4 * SECOND, 2);
    let waited = answers.iter().find(|one| one.0 == 200).map(|one| one.1 - now - 4 * SECOND);
    assert!(waited.is_some_and(|waited| waited < SECOND / 10), "{waited:?}");
}
