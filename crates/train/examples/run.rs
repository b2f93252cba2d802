//! Trains what a configuration says, and prints a line now and then:
//! `cargo run --release -p contexture-train --example run -- run.toml schedule.steps=100`

use contexture_train::{Config, Control, Event, Options, TrainError, Trainer};

fn main() -> Result<(), TrainError> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().unwrap_or_else(|| "run.toml".into());
    let config = Config::read(path.as_ref(), &arguments.collect::<Vec<_>>())?;
    let mut trainer = Trainer::open(config, &Options::default())?;
    println!("about {} MB of memory", trainer.forecast().total() >> 20);
    let outcome = trainer.run(&mut |event| {
        match event {
            Event::Step(r) if r.step % 20 == 1 => println!(
                "{:>6}  loss {:.4}  rate {:.1e}  |g| {:.2}  {:.0} tokens/s  {:.0} % of peak",
                r.step,
                r.loss,
                r.learning_rate,
                r.gradient_norm,
                r.tokens_per_s,
                100.0 * r.peak_share
            ),
            Event::HeldOut { step, loss, .. } => println!("{step:>6}  held out {:.4}", loss.loss),
            _ => {}
        }
        Control::GoOn
    })?;
    println!("{outcome:?}");
    Ok(())
}
