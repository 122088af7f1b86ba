//! A server with a connection pool behind locks, under load, to be looked at while it runs.
//!
//! Each request takes one of a few connections out of the pool: a semaphore says how many there are, a mutex
//! guards the list of them. Now and then a request keeps its connection for long, and the others queue.
//!
//! ```sh
//! cargo build --release --example pool
//! cargo run --release -- attach -- target/release/examples/pool    # watched
//! target/release/examples/pool 5                                   # five seconds, its own throughput
//! target/release/examples/pool 5 bare                              # the same with tokio's own locks
//! ```

// What it served is what it prints.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Connections in the pool, and clients that want one.
const CONNECTIONS: usize = 4;
const CLIENTS: usize = 12;

/// A connection to some database: what it does takes its time.
struct Connection {
    queries: u64,
}

impl Connection {
    /// Most queries take no time that counts, and every thousandth a millisecond.
    async fn query(&mut self, key: u64) -> u64 {
        self.queries += 1;
        if self.queries.is_multiple_of(1000) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        key.wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}

/// The server over the locks of one crate: the same lines for tokio's own and for those that tell.
macro_rules! server {
    ($name:ident, $mutex:ty, $semaphore:ty) => {
        mod $name {
            use super::{Arc, AsyncReadExt, AsyncWriteExt, CONNECTIONS, Connection, TcpListener, TcpStream};

            pub struct Pool {
                pub free: $semaphore,
                pub connections: $mutex,
            }

            impl Pool {
                async fn answer(&self, key: u64) -> u64 {
                    // The semaphore is never closed.
                    let Ok(_permit) = self.free.acquire().await else { return 0 };
                    let Some(mut connection) = self.connections.lock().await.pop() else { return 0 };
                    let value = connection.query(key).await;
                    self.connections.lock().await.push(connection);
                    value
                }
            }

            pub fn connections() -> Vec<Connection> {
                (0..CONNECTIONS).map(|_| Connection { queries: 0 }).collect()
            }

            async fn client(pool: Arc<Pool>, mut stream: TcpStream) -> std::io::Result<()> {
                loop {
                    let Ok(key) = stream.read_u64().await else { return Ok(()) };
                    stream.write_u64(pool.answer(key).await).await?;
                }
            }

            pub async fn serve(
                pool: Arc<Pool>,
                listener: TcpListener,
                spawn: impl Fn(usize, std::pin::Pin<Box<dyn Future<Output = ()> + Send>>),
            ) {
                let mut number = 0;
                while let Ok((stream, _)) = listener.accept().await {
                    number += 1;
                    let pool = Arc::clone(&pool);
                    let serve = async move { _ = client(pool, stream).await };
                    spawn(number, Box::pin(serve));
                }
            }
        }
    };
}

server!(bare, tokio::sync::Mutex<Vec<Connection>>, tokio::sync::Semaphore);
server!(told, lockscope::sync::Mutex<Vec<Connection>>, lockscope::sync::Semaphore);

/// Asks again and again, until it is told to stop.
async fn ask(addr: std::net::SocketAddr, served: Arc<AtomicU64>) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    for key in 0.. {
        stream.write_u64(key).await?;
        stream.read_u64().await?;
        served.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let seconds = args.next().map_or(Ok(60), |text| text.parse())?;
    let way = args.next().unwrap_or_default();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;

    let mut serving = None;
    if way == "bare" {
        let free = tokio::sync::Semaphore::new(CONNECTIONS);
        let pool = bare::Pool { free, connections: tokio::sync::Mutex::new(bare::connections()) };
        tokio::spawn(bare::serve(Arc::new(pool), listener, |_, serve| _ = tokio::spawn(serve)));
    } else {
        // Without this line nothing is recorded: `off`.
        if way != "off" {
            serving = Some(lockscope::serve("127.0.0.1:7007")?);
        }
        let free = lockscope::sync::Semaphore::named("free", CONNECTIONS);
        let connections = lockscope::sync::Mutex::named("connections", told::connections());
        let pool = Arc::new(told::Pool { free, connections });
        tokio::spawn(told::serve(pool, listener, |number, serve| {
            lockscope::task::spawn(format!("client#{number}"), serve);
        }));
    }

    let served = Arc::new(AtomicU64::new(0));
    let begin = Instant::now();
    for _ in 0..CLIENTS {
        tokio::spawn(ask(addr, Arc::clone(&served)));
    }
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let rate = served.load(Ordering::Relaxed) as f64 / begin.elapsed().as_secs_f64();
    println!("{rate:.0} requests a second");
    if let Some(recorder) = lockscope::sync::installed() {
        println!("{} events lost by the recorder", recorder.lost());
        recorder.finish();
    }
    drop(serving);
    Ok(())
}
