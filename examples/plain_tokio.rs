//! The lecture's program with tokio's own lock, and only a layer added that sees it.
//!
//! `RUSTFLAGS="--cfg tokio_unstable" cargo run --example plain_tokio --no-default-features --features tokio-tracing`

#![allow(clippy::print_stdout)] // What the program prints is the point.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lockscope::event::Event;
use lockscope::layer;
use lockscope::sync::{Clock, Recorder};
use lockscope::trace::{Trace, text};
use tokio::sync::Mutex;
use tokio::time::sleep;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

async fn reader(db: Arc<Mutex<HashMap<String, u128>>>) {
    for _ in 0..3 {
        let data = db.lock().await;
        println!("reader: {:?}", data.get("key"));
        sleep(Duration::from_secs(1)).await;
    }
}

async fn writer(db: Arc<Mutex<HashMap<String, u128>>>, start: Instant) {
    for _ in 0..4 {
        sleep(Duration::from_millis(350)).await;
        db.lock().await.insert("key".to_owned(), start.elapsed().as_millis());
        println!("writer: inserted");
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (sink, events) = std::sync::mpsc::channel::<Event>();
    let recorder = Recorder::new(Clock::wall(), move |event| sink.send(event).is_ok());
    tracing_subscriber::registry().with(layer::tokio_locks(&recorder)).init();

    let db = Arc::new(Mutex::new(HashMap::new()));
    let reader = tokio::spawn(reader(Arc::clone(&db)));
    let writer = tokio::spawn(writer(db, Instant::now()));
    reader.await?;
    writer.await?;

    recorder.close();
    if !layer::sees_tokio() {
        println!("\nBuilt without --cfg tokio_unstable: tokio told nothing of its locks.");
    }
    let trace = Trace::of(recorder.names(), events.try_iter());
    let seconds = trace.at(trace.len());
    println!("\n{} events in {seconds}\n\n{}", trace.len(), text::sequence_diagram(&trace));
    Ok(())
}
