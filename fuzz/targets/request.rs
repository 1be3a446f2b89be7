//! Requests as text, read as the guard reads them; the rules that must hold of each are beside the
//! guard, in `src/web/guard/fuzzing.rs`.
#![no_main]

use std::sync::{Arc, OnceLock};

use actix_web::web::Data;
use doorward::app::{Services, compose};
use doorward::base::clock::Clock;
use doorward::config::{BaseUrl, Config};
use doorward::jobs::{self, Running};
use doorward::web::{State, fuzzing};
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// A server without a socket and without accounts.
struct World {
    runtime: Runtime,
    state: Data<State>,
    /// They read what has ended while the main thread waits for the next input.
    _jobs: Running,
    _folder: TempDir,
}

fuzz_target!(|data: &[u8]| {
    static WORLD: OnceLock<World> = OnceLock::new();
    let world = WORLD.get_or_init(World::new);
    world.runtime.block_on(fuzzing::read(&world.state, data));
});

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder for the database");
        let data_dir = folder.path().to_str().expect("a folder with a plain name");
        let config = Config::of(&[("data_dir", data_dir)]).expect("good settings");
        let base_url = BaseUrl::parse("http://door.test").expect("a good address");
        // Sessions are watched from another thread while this one waits for the next input.
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_time()
            .build()
            .expect("a runtime");
        let services = Services::prepare(config, Clock::System).expect("a database");
        let db = services.db.clone();
        let (state, jobs) = runtime.block_on(async {
            let state = compose(services, base_url, None).await.expect("a server");
            let state = Arc::new(state);
            let jobs = jobs::start(&state, &db);
            (state, jobs)
        });
        Self {
            runtime,
            state: Data::from(state),
            _jobs: jobs,
            _folder: folder,
        }
    }
}
