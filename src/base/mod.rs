//! Floor 0: values and rules without I/O. Knows neither HTTP nor a database.

pub mod clock;
pub mod event;
pub mod fault;
pub mod ids;
pub mod input;
pub mod metrics;
pub mod names;
pub mod paging;
pub mod random;
pub mod recent;
pub mod sealed;
pub mod secret;
pub mod size;
pub mod version;
