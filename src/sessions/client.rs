//! The client of a session.

/// The address and user agent of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    pub address: String,
    pub user_agent: String,
}

impl Client {
    /// `Firefox on Linux`, if the user agent tells.
    pub fn device(&self) -> Option<String> {
        let says = |words: &[(&str, &'static str)]| {
            words
                .iter()
                .find(|(mark, _)| self.user_agent.contains(mark))
                .map(|(_, name)| *name)
        };
        // The order matters: Edge also calls itself Chrome, Chrome also Safari, Android also Linux.
        let browser = says(&[
            ("Edg", "Edge"),
            ("OPR/", "Opera"),
            ("Firefox/", "Firefox"),
            ("Chrome/", "Chrome"),
            ("Safari/", "Safari"),
            ("curl/", "curl"),
        ])?;
        let system = says(&[
            ("Android", "Android"),
            ("iPhone", "iPhone"),
            ("iPad", "iPad"),
            ("Windows", "Windows"),
            ("Mac OS X", "macOS"),
            ("Linux", "Linux"),
        ]);
        Some(system.map_or_else(
            || browser.to_owned(),
            |system| format!("{browser} on {system}"),
        ))
    }
}
