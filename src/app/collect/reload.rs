//! SIGHUP: reads the settings again while collecting.
//!
//! Everything is read and checked before anything is changed. If anything is wrong, nothing
//! changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use tracing::{error, info, warn};

use crate::agg::{AdjustableConfig, Windows};
use crate::app::{AppError, config, groups};
use crate::cli::{Collecting, Command, CommandLine, SettingValue};
use crate::flow::NetworkGroups;
use crate::ingest::{Ingest, RecordPlan};

/// The settings in effect, and the command line with which they are read again.
pub(super) struct ActiveConfig {
    line: CommandLine,
    /// The folders that flows are recorded into, which do not change.
    plan: RecordPlan,
    /// The value of each setting; for those that need a restart, the value at the start.
    held: BTreeMap<&'static str, Vec<String>>,
}

/// The settings that were read.
struct ReadConfig {
    collecting: Collecting,
    groups: Arc<NetworkGroups>,
    values: Vec<SettingValue>,
}

impl ActiveConfig {
    pub(super) fn new(line: CommandLine, plan: RecordPlan) -> Result<ActiveConfig, AppError> {
        let held = read(&line)?.values.into_iter().map(|value| (value.setting.key, value.words));
        let held = held.collect();
        Ok(ActiveConfig { line, plan, held })
    }

    /// Reads the settings again and applies them.
    pub(super) async fn reload(&mut self, windows: &Windows, ingest: &Ingest) {
        let ReadConfig { collecting, groups, values } = match read(&self.line) {
            Ok(read) => read,
            Err(why) => {
                error!("reload: the old settings stay, the new ones are wrong: {why}");
                return;
            }
        };
        let config = &collecting.collect.config;
        windows.tune(AdjustableConfig {
            local: config.local.clone(),
            lag: config.lag,
            rules: config.rules,
            groups,
        });
        // There is no answer if collecting has ended, which is reported elsewhere.
        let _ = ingest.set_policy(collecting.policy_for(&self.plan)).await;
        let (changed, fixed) = self.hold(values);
        if !fixed.is_empty() {
            warn!(settings = fixed.join(" "), "reload: these settings need a restart");
        }
        info!(changed = changed.join(" "), "reloaded");
    }

    /// Stores the changed values. Returns the changed settings, and those that need a restart.
    fn hold(&mut self, values: Vec<SettingValue>) -> (Vec<&'static str>, Vec<&'static str>) {
        let (mut changed, mut fixed) = (Vec::new(), Vec::new());
        for SettingValue { setting, words, .. } in values {
            match self.held.get_mut(setting.key) {
                Some(held) if *held == words => {}
                Some(held) if setting.reload => {
                    *held = words;
                    changed.push(setting.key);
                }
                _ => fixed.push(setting.key),
            }
        }
        (changed, fixed)
    }
}

fn read(line: &CommandLine) -> Result<ReadConfig, AppError> {
    let usage = |refusal: crate::cli::UsageError| AppError::Usage(refusal.message());
    let file = config::read(&line.wanted().map_err(usage)?)?;
    let Command::Collect(collecting) = line.command(file.as_ref()).map_err(usage)? else {
        return Err(AppError::Usage("the command line is of another command".to_owned()));
    };
    let groups = groups::read(&collecting.collect.groups)?;
    let values = line.settings(file.as_ref()).map_err(usage)?;
    Ok(ReadConfig { collecting: *collecting, groups, values })
}
