//! Any bytes as a scenario: they give a plan or a report, soon and without a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use lockscope::scenario::{Source, listing, parse};

fuzz_target!(|bytes: &[u8]| {
    match Source::from_bytes("fuzz.json", bytes).and_then(|source| parse(&source)) {
        Ok(checked) => {
            let _ = checked.warnings.render(true);
            for task in 0..checked.plan.tasks.len().min(100) {
                let _ = listing(&checked.plan, task);
            }
        }
        Err(report) => {
            let _ = report.render(true);
        }
    }
});
