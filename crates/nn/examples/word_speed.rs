//! Time of ELMo's token layer at its real sizes for the first 1,000 distinct words of a text:
//! characters, two highways of 2,048 and the projection to 512, beside what the arithmetic alone
//! takes at this machine's peak.
//!
//! `cargo run --release -p contexture-nn --example word_speed -- TEXT [THREADS] [train]`

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use contexture_kernels::measure::peak_gflops;
use contexture_kernels::{Activation, Pool};
use contexture_nn::ops::{CharacterConvolution, Filter, Highway, Linear};
use contexture_nn::{
    Builder, Gradients, Initial, Recycler, Rows, Segments, Session, Value, Weights,
};

const FILTERS: [(usize, usize); 7] =
    [(1, 32), (2, 32), (3, 64), (4, 128), (5, 256), (6, 512), (7, 1024)];
const DIM: usize = 16;
const WIDTH: usize = 2048;
const OUTPUTS: usize = 512;
const MOST: usize = 50;
const PADDING: u16 = 261;
const WORDS: usize = 1000;

struct Layer {
    characters: CharacterConvolution,
    highways: [Highway; 2],
    projection: Linear,
}

/// ELMo's bytes: a word between two marks, filled up; numbers count from 1.
fn spell(words: &[&str]) -> Arc<[u16]> {
    let mut all = Vec::new();
    for word in words {
        let end = all.len() + MOST;
        all.push(259);
        all.extend(word.bytes().take(MOST - 2).map(|byte| u16::from(byte) + 1));
        all.push(260);
        all.resize(end, PADDING);
    }
    all.into()
}

fn declare(b: &mut Builder, characters: Arc<[u16]>) -> Layer {
    let normal = Initial::Normal(0.05);
    let filter = |(index, &(width, count)): (usize, &(usize, usize))| {
        b.within(index, |b| Filter {
            width,
            weight: b.matrix("weight", count, width * DIM, normal),
            bias: b.vector("bias", count, normal),
        })
    };
    let filters: Arc<[Filter]> = FILTERS.iter().enumerate().map(filter).collect();
    let map = |b: &mut Builder, name: String, outputs| {
        b.within(name, |b| {
            (b.matrix("weight", outputs, WIDTH, normal), b.vector("bias", outputs, normal))
        })
    };
    let activation = Activation::Relu;
    let highways = [0, 1].map(|index| Highway {
        transform: map(b, format!("transform{index}"), WIDTH),
        gate: map(b, format!("gate{index}"), WIDTH),
        activation,
    });
    let (weight, bias) = map(b, "projection".into(), OUTPUTS);
    let table = b.table("table", 262, DIM, Initial::Normal(1.0));
    let (most, padding) = (MOST, PADDING);
    Layer {
        characters: CharacterConvolution { table, filters, activation, most, padding, characters },
        highways,
        projection: Linear { weight, bias: Some(bias), activation: Activation::Identity },
    }
}

fn forward(s: &mut Session, layer: &Layer, segments: &Segments) -> Value {
    let mut x = s.apply(layer.characters.clone(), &[], segments);
    for highway in layer.highways {
        x = s.apply(highway, &[&x], segments);
    }
    s.apply(layer.projection, &[&x], segments)
}

/// Operations of each op: what a plain convolution of the windows that count takes, the additions
/// and products that remain, both highways, and the projection.
fn arithmetic(words: &[&str]) -> [f64; 5] {
    let distinct: BTreeSet<u8> = words.iter().flat_map(|word| word.bytes()).collect();
    let taps: usize = FILTERS.iter().map(|(width, count)| width * count).sum();
    let additions: usize = FILTERS
        .iter()
        .map(|(width, count)| {
            let windows = |word: &&str| (word.len() + 3).min(MOST - width + 1);
            words.iter().map(windows).sum::<usize>() * width * count
        })
        .sum();
    let rows = words.len();
    [
        (2 * DIM * additions) as f64,
        additions as f64,
        (2 * DIM * taps * (distinct.len() + 3)) as f64,
        (8 * rows * WIDTH * WIDTH) as f64,
        (2 * rows * WIDTH * OUTPUTS) as f64,
    ]
}

type Times = BTreeMap<&'static str, Duration>;

/// The shortest of ten runs of each op: other programs can only lengthen one.
fn measure(layer: &Layer, weights: Weights, pool: &Arc<Pool>, trains: bool) -> [Times; 2] {
    let segments = Segments::single(layer.characters.characters.len() / MOST);
    let weights = Arc::new(if trains { weights } else { weights.packed() });
    let recycler = Recycler::keeping(64);
    let (mut best, mut gradients) = ([Times::new(), Times::new()], Gradients::default());
    let keep = |best: &mut Times, found: Times| {
        for (name, time) in found {
            let least = best.entry(name).or_insert(time);
            *least = time.min(*least);
        }
    };
    for _ in 0..10 {
        let (weights, pool, recycler) = (weights.clone(), pool.clone(), recycler.clone());
        let mut session = match trains {
            true => Session::train_with(weights, pool, recycler),
            false => Session::infer_with(weights, pool, recycler),
        };
        session.time_ops(true);
        let y = forward(&mut session, layer, &segments);
        keep(&mut best[0], session.timings());
        if trains {
            let mut seed = Rows::zeros(segments.rows(), OUTPUTS);
            seed.as_mut_slice().fill(0.01);
            gradients.clear();
            session.backward_into(vec![(&y, seed)], &mut gradients);
            keep(&mut best[1], session.backward_timings());
        }
    }
    best
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let path = arguments.first().expect("a text file");
    let threads: usize =
        arguments.get(1).map_or(1, |threads| threads.parse().expect("a number of threads"));
    let trains = arguments.iter().any(|argument| argument == "train");
    let text = std::fs::read_to_string(path).expect("a text file");
    let mut seen = BTreeSet::new();
    let words: Vec<&str> =
        text.split_whitespace().filter(|word| seen.insert(*word)).take(WORDS).collect();
    let letters: usize = words.iter().map(|word| word.len()).sum();
    println!("{} words of {:.1} bytes", words.len(), letters as f64 / words.len() as f64);

    let mut builder = Builder::new();
    let layer = declare(&mut builder, spell(&words));
    let weights = Weights::initial(builder.finish(), 1);
    let pool = Arc::new(Pool::new(threads));
    let peak = peak_gflops(threads) * 1e9;
    let [times, backward] = measure(&layer, weights, &pool, trains);
    let [direct, additions, products, highway, projection] = arithmetic(&words);
    println!("{threads} threads, peak {:.0} GFLOP/s; milliseconds", peak / 1e9);
    let ms = |seconds: f64| 1e3 * seconds;
    println!("characters: {:.2} at the peak if every window were multiplied", ms(direct / peak));
    // An addition takes the place of a multiply-add, which counts two.
    let floors = [
        ("characters", (2.0 * additions + products) / peak),
        ("highway", highway / peak),
        ("linear", projection / peak),
    ];
    for (name, floor) in floors {
        let time = times[name].as_secs_f64();
        let share = 100.0 * floor / time;
        print!("{name:>10}: {:.2}, floor {:.2} ({share:.0} %)", ms(time), ms(floor));
        match backward.get(name) {
            Some(time) => println!("; backward {:.2}", ms(time.as_secs_f64())),
            None => println!(),
        }
    }
    let all: f64 = times.values().map(Duration::as_secs_f64).sum();
    println!("together {:.1}, {:.1} words a millisecond", ms(all), words.len() as f64 / ms(all));
}
