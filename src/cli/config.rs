//! `doorward config`

use clap::Subcommand;

use crate::base::fault::Fault;
use crate::config::Config;

#[derive(Subcommand)]
pub enum Command {
    /// Show every setting with its value (secrets hidden) and its source
    Show,
}

pub fn show(config: &Config) -> Result<(), Fault> {
    let widest = |length: fn(&crate::config::Shown) -> usize| {
        config.shown.iter().map(length).max().unwrap_or(0)
    };
    let (keys, values) = (
        widest(|shown| shown.key.len()),
        widest(|shown| shown.value.len() + 2),
    );
    for shown in &config.shown {
        let value = if shown.value.starts_with(['[', '(']) {
            shown.value.clone()
        } else {
            format!("{:?}", shown.value)
        };
        super::say(format_args!(
            "{:keys$} = {value:values$}  # {}",
            shown.key, shown.source
        ));
    }
    Ok(())
}
