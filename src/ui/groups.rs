//! The lists of traffic by other keys than hosts, and the steps from a row to its hosts and
//! back.

use crate::filter::Filter;
use crate::flow::NetworkGroups;
use crate::snapshot::{Grouping, Health};

use super::edit::TypedFilter;
use super::model::{GroupOrigin, GroupsScreen, MainScreen, Model, Screen};

/// The largest number of stacked screens (from a row to its hosts, from there to another list,
/// and so on). Deeper stacks only confuse, and each screen takes memory.
const MAX_DEPTH: usize = 16;

/// The available lists; hosts (`None`) come first.
fn lists(groups: &NetworkGroups) -> Vec<Option<Grouping>> {
    let named = |grouping: &Grouping| *grouping != Grouping::Group || !groups.is_empty();
    let all = Grouping::ALL.into_iter().filter(named);
    std::iter::once(None).chain(all.map(Some)).collect()
}

/// Shows the next or previous list, cyclically.
pub fn step(model: &mut Model, forward: bool) {
    let (now, order) = match &model.screens.top {
        Screen::Main(main) => (None, main.order),
        Screen::Groups(screen) => (Some(screen.grouping), screen.order),
        _ => return,
    };
    let lists = lists(&model.options.groups);
    let by = if forward { 1 } else { lists.len() - 1 };
    let at = lists.iter().position(|list| *list == now).unwrap_or(0);
    let next = lists[(at + by) % lists.len()];
    let opened = next.map(|grouping| {
        Screen::Groups(GroupsScreen { grouping, order, ..GroupsScreen::default() })
    });
    match (now, opened) {
        (None, Some(screen)) if model.screens.depth() < MAX_DEPTH => model.screens.open(screen),
        (Some(_), Some(screen)) => model.screens.top = screen,
        // The lists were opened over the hosts.
        (Some(_), None) => drop(model.screens.close()),
        (None, _) => {}
    }
}

/// Opens the hosts of the selected row. The row's filter, combined with that of the list, is in
/// force until the screen is closed.
pub fn open(model: &mut Model, health: &Health) {
    let Screen::Groups(screen) = &mut model.screens.top else { return };
    let Some(key) = screen.list.selected() else { return };
    screen.list.bind();
    let label = key.label(health);
    let Some(row) = key.filter(&model.options.groups) else {
        let text = format!("no filter can select {label}, so its hosts cannot be listed");
        model.notice = Some(text);
        return;
    };
    let text = joined(&model.filter.filter, row);
    if model.screens.depth() >= MAX_DEPTH {
        model.notice = Some("too many screens are open: Esc goes back".to_owned());
        return;
    }
    match Filter::parse(&text).and_then(|filter| filter.check_live().map(|()| filter)) {
        Ok(filter) => {
            let former = std::mem::replace(&mut model.filter, TypedFilter { text, filter });
            let origin = Some(Box::new(GroupOrigin { label, former }));
            model.screens.open(Screen::Main(MainScreen { origin, ..MainScreen::default() }));
        }
        Err(error) => model.notice = Some(format!("cannot filter for {label}: {error}")),
    }
}

/// The filter that combines the current one with the row's.
fn joined(filter: &Filter, row: String) -> String {
    let grouped = |text: String| if text.contains(" or ") { format!("({text})") } else { text };
    // The filter is printed from its parsed form, because the typed text may end in a comment.
    if filter.is_any() {
        row
    } else {
        format!("{} and {}", grouped(filter.to_string()), grouped(row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_combined_with_the_right_precedence() {
        let parse = |text: &str| Filter::parse(text).unwrap();
        for (filter, row, want) in [
            ("", "net 10.0.0.0/8 or net 10.1.0.0/16", "net 10.0.0.0/8 or net 10.1.0.0/16"),
            ("tcp # x", "port 443 and proto tcp", "proto tcp and port 443 and proto tcp"),
            ("tcp or udp", "proto tcp", "(proto tcp or proto udp) and proto tcp"),
            ("tcp", "proto tcp or proto gre", "proto tcp and (proto tcp or proto gre)"),
        ] {
            let text = joined(&parse(filter), row.to_owned());
            assert_eq!(text, want);
            assert_eq!(parse(&text).to_string(), parse(want).to_string());
        }
    }
}
