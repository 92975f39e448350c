//! `toptalk query`: ask the archive.

use std::process::ExitCode;

use super::AppError;
use crate::cli::Query;

pub(super) fn run(_: Query) -> Result<ExitCode, AppError> {
    Err(AppError::Query("asking is not there yet".to_owned()))
}
