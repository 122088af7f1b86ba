//! The lecture's program, unmodified but for the import of its mutex, and looked at while it runs:
//!
//! ```sh
//! cargo build --example lecture
//! cargo run -- attach -- target/debug/examples/lecture
//! ```

// It is all about what it prints.
#![allow(clippy::print_stdout)]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lockscope::sync::Mutex;
use tokio::time::sleep;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _serving = lockscope::serve("127.0.0.1:7007")?;

    let start = Instant::now();
    let db = Arc::new(Mutex::named("db", HashMap::<String, u128>::new()));

    let reader = lockscope::task::spawn("reader", {
        let db = db.clone();
        async move {
            loop {
                println!("->read-guard");
                let guard = db.lock().await;
                let value = guard.get("my-key");
                println!("value = {value:?}");
                println!("->read-sleep");
                sleep(Duration::from_secs(1)).await;
                println!("<-read-sleep");
            }
        }
    });
    let writer = lockscope::task::spawn("writer", async move {
        loop {
            println!("->write-guard");
            db.lock().await.insert("my-key".into(), start.elapsed().as_millis());
            println!("<-write-guard");
            sleep(Duration::from_millis(350)).await;
        }
    });

    sleep(Duration::from_secs(20)).await;
    reader.abort();
    writer.abort();
    Ok(())
}
