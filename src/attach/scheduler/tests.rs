//! Tests of the scheduler with a simulated clock.

use super::*;
use crate::snapshot::Window;

fn view(limit: usize) -> View {
    View { limit, ..View::default() }
}

/// A view whose answer costs `cost` microseconds.
fn costing(limit: usize, cost: i64) -> View {
    View { at: Some(crate::flow::Time(cost)), ..view(limit) }
}

/// The cost of a view's answer: a microsecond per row, unless it has a cost.
fn cost_of(view: &View) -> u64 {
    view.at.map_or(view.limit as u64, |at| at.0 as u64)
}

/// Clients with this id or a higher one never read an answer.
const IDLE: ClientId = 1_000;

fn takes(client: &ClientId) -> bool {
    *client < IDLE
}

/// Runs a scheduler for some seconds of simulated time. Slow answers are made at the same time as
/// the others. Returns the rows of each answer and when it began.
fn run(scheduler: &mut AnswerScheduler, from: u64, seconds: u64) -> Vec<(usize, u64)> {
    let frame: Arc<[u8]> = Arc::new([]);
    let (mut now, mut answers) = (from, Vec::new());
    // When the slow thread has finished its last answer.
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

/// The next step of one thread: rows and work of an answer, or until when it waits.
fn step(
    scheduler: &mut AnswerScheduler,
    speed: AnswerSpeed,
    now: u64,
    frame: &Arc<[u8]>,
) -> Result<(usize, u64), Option<u64>> {
    const QUICK: u64 = QUICK_MS * 1000;
    match scheduler.next_of(speed, now) {
        NextAnswer::Watched(view, _)
            if speed == AnswerSpeed::Quick
                && cost_of(&view) > scheduler.work_limit(&view, QUICK) =>
        {
            let work_limit = scheduler.work_limit(&view, QUICK);
            let clients = scheduler.postpone_view(&view, now, work_limit);
            clients.into_iter().filter(takes).for_each(|client| scheduler.answer_taken(client));
            Ok((0, work_limit))
        }
        NextAnswer::Watched(view, _) => {
            let clients = scheduler.answered_view(&view, frame, now, cost_of(&view));
            clients.into_iter().filter(takes).for_each(|client| scheduler.answer_taken(client));
            Ok((view.limit, cost_of(&view)))
        }
        NextAnswer::Question(question) => {
            let cost = cost_of(&question.asked.about);
            let work_limit = if question.is_first_try() { FIRST_MS * 1000 } else { QUICK };
            if speed == AnswerSpeed::Quick && cost > work_limit {
                scheduler.postpone(question, now, work_limit);
                return Ok((0, work_limit));
            }
            scheduler.question_answered(question.client, speed, now, cost);
            Ok((question.asked.about.limit, cost))
        }
        NextAnswer::Wait(until) => Err(until),
    }
}

fn count(answers: &[(usize, u64)], limit: usize) -> usize {
    answers.iter().filter(|answer| answer.0 == limit).count()
}

#[test]
fn cheap_views_are_answered_every_second_once_for_all_clients() {
    let mut scheduler = AnswerScheduler::default();
    for client in 0..16 {
        assert_eq!(scheduler.watch(client, view(200), 5), None);
    }
    let answers = run(&mut scheduler, 5, 10);
    assert_eq!(count(&answers, 200), 10);
    assert_eq!(answers[0].1, 5, "at once");
    let frame = scheduler.watch(20, view(200), 11 * SECOND);
    assert!(frame.is_some(), "a later client has the same answer");
    let clients = scheduler.answered_view(&view(200), &frame.unwrap(), 0, 1);
    assert_eq!(clients.len(), 17);
    assert_eq!(scheduler.next(SECOND * 30), NextAnswer::Watched(view(200), 1));
    (0..21).for_each(|client| scheduler.leave(client));
    assert_eq!(scheduler.next(SECOND * 40), NextAnswer::Wait(None));
}

#[test]
fn expensive_views_are_answered_less_often_and_cheap_ones_as_before() {
    let mut scheduler = AnswerScheduler::default();
    scheduler.watch(0, view(1_000), 0);
    // 16 views of about 50 ms: 800 ms in each second if all were answered.
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
fn no_answers_are_made_for_clients_that_do_not_read() {
    let mut scheduler = AnswerScheduler::default();
    scheduler.watch(0, view(30_000), 0);
    run(&mut scheduler, 0, 12);
    for client in 0..50 {
        scheduler.watch(IDLE + client, view(50_000 + client as usize), 12 * SECOND);
    }
    // All have one answer, and another that they might have read meanwhile.
    let begin = run(&mut scheduler, 12 * SECOND, 8);
    assert!(count(&begin, 30_000) >= 7, "it does not wait for them: {begin:?}");
    let scheduler = &mut scheduler;
    run(scheduler, 20 * SECOND, 40);
    let answers = run(scheduler, 60 * SECOND, 60);
    assert!(count(&answers, 30_000) >= 59, "{}", count(&answers, 30_000));
    assert_eq!(answers.len(), count(&answers, 30_000), "nothing else");
    // A client that reads its answer later gets the next one.
    scheduler.answer_taken(IDLE);
    let answers = run(scheduler, 120 * SECOND, 20);
    assert_eq!(count(&answers, 50_000), 2);
    assert_eq!(count(&answers, 50_001), 0);
    // One client that reads is enough for all with the same view.
    scheduler.watch(7, view(50_001), 140 * SECOND);
    assert!(count(&run(scheduler, 140 * SECOND, 10), 50_001) >= 9);
}

#[test]
fn expensive_questions_wait_and_others_do_not_wait_for_them() {
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
fn an_old_answer_is_not_given_to_a_new_client() {
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
fn changing_the_view_continuously_stays_within_the_budget() {
    let mut scheduler = AnswerScheduler::default();
    let frame: Arc<[u8]> = Arc::new([]);
    let (mut now, mut work) = (0, 0);
    while now < 100 * SECOND {
        let other = View { at: Some(crate::flow::Time(now as i64)), ..view(20_000) };
        scheduler.watch(1, other.clone(), now);
        match scheduler.next(now) {
            NextAnswer::Watched(view, _) => {
                scheduler.answered_view(&view, &frame, now, 20_000);
                scheduler.answer_taken(1);
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
    // Large ones are slow: they and the others do not wait for each other.
    assert_eq!(numbers(scheduler.next_slow(2)), Some(1));
    scheduler.question_answered(1, AnswerSpeed::Slow, 2, 1);
    assert_eq!(numbers(scheduler.next(3)), Some(3));
    assert_eq!((numbers(scheduler.next_slow(4)), numbers(scheduler.next(4))), (None, None));
    scheduler.large_done();
    assert_eq!(numbers(scheduler.next_slow(4)), Some(2));
    let answer_taken = (0..20).filter(|number| scheduler.ask(9, asked(*number, 1), 5)).count();
    assert_eq!(answer_taken, MAX_QUESTIONS);
    assert!(scheduler.ask(8, asked(1, 1), 5), "another client is not concerned");
    scheduler.leave(9);
    assert_eq!(numbers(scheduler.next(6)), Some(1));
}

#[test]
fn slow_views_and_questions_do_not_delay_quick_ones() {
    let mut scheduler = AnswerScheduler::default();
    scheduler.watch(0, view(30_000), 0);
    run(&mut scheduler, 0, 12);
    // Three seconds of work each: eight screens, and a client that asks continuously.
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
fn slow_answers_go_first_to_the_client_with_least_work() {
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
            scheduler.question_answered(question.client, AnswerSpeed::Slow, now, SECOND);
        }
        scheduler.large_done();
        // This client comes later and has had no work yet.
        if order.len() == 1 {
            scheduler.ask(2, asked(9), now);
        }
    }
    assert_eq!(order, [(1, 0), (2, 9), (1, 1), (1, 2)]);
    scheduler.leave(1);
    scheduler.leave(2);
    assert!(scheduler.slow_work.is_empty(), "nothing is stored of clients that have left");
}

#[test]
fn a_small_request_does_not_wait_for_many_large_ones() {
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
    // A request that arrives while the others' work is being paid for is answered at once.
    let now = 401 * SECOND;
    (100..110).for_each(|client| _ = scheduler.ask(client, costs(100, 180_000), now));
    run(&mut scheduler, now, 3);
    scheduler.ask(98, costs(200, 7_000), now + 4 * SECOND);
    let answers = run(&mut scheduler, now + 4 * SECOND, 2);
    let waited = answers.iter().find(|one| one.0 == 200).map(|one| one.1 - now - 4 * SECOND);
    assert!(waited.is_some_and(|waited| waited < SECOND / 10), "{waited:?}");
}
