//! Positions by formula: `table[pos, i] = f(pos, i, d, n)`, `[places, hidden]`, computed in f64.
//!
//! Read by `winnow`'s operator-precedence parser with the precedences of mathematics: `-2^2` is -4,
//! `2^3^2` is 2^9, `a/b*c` goes from the left.

use contexture_nn::Rows;
use winnow::ascii::{digit1, multispace0};
use winnow::combinator::{
    Infix, Prefix, alt, cut_err, delimited, dispatch, expression, fail, opt, preceded, separated,
};
use winnow::error::{ContextError, ErrMode};
use winnow::prelude::*;
use winnow::token::{any, one_of, take_while};

use crate::ModelError;

/// A formula for positions, parsed: an expression in `pos` (the place, from 0), `i` (the column,
/// from 0), `d` (the number of columns) and `n` (the number of places). It may use
///
/// - `+ - * / ^` and parentheses; `a % b` and `mod(a, b)`, never negative for a positive b
/// - `sin cos tan tanh atan exp ln log2 log10 sqrt abs sign floor ceil round`
/// - `min(a, b, ..) max(a, b, ..) atan2(a, b)`
/// - `< <= > >= == !=`, 1 where they hold and 0 where not, and `if(condition, a, b)`
/// - `pi`, `tau`, `e`
///
/// ```
/// use contexture_model::positions::Formula;
///
/// let formula = Formula::parse("sin(pos / 10000^(2*floor(i/2)/d))")?;
/// assert_eq!(formula.at(3, 0, 64, 512), 3f64.sin());
/// assert!(Formula::parse("sin(x)").is_err());
/// # Ok::<(), contexture_model::ModelError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Formula {
    source: String,
    root: Node,
}

#[derive(Debug, Clone)]
enum Node {
    Number(f64),
    Variable(Variable),
    One(fn(f64) -> f64, Box<Node>),
    Two(fn(f64, f64) -> f64, Box<Node>, Box<Node>),
    If(Box<[Node; 3]>),
}

#[derive(Debug, Clone, Copy)]
enum Variable {
    Pos,
    I,
    D,
    N,
}

/// What is called with parentheses.
#[derive(Clone, Copy)]
enum Function {
    One(fn(f64) -> f64),
    Two(fn(f64, f64) -> f64),
    /// Two or more arguments, from the left.
    Fold(fn(f64, f64) -> f64),
    If,
}

const NAMES: [(&str, Node); 7] = [
    ("pos", Node::Variable(Variable::Pos)),
    ("i", Node::Variable(Variable::I)),
    ("d", Node::Variable(Variable::D)),
    ("n", Node::Variable(Variable::N)),
    ("pi", Node::Number(std::f64::consts::PI)),
    ("tau", Node::Number(std::f64::consts::TAU)),
    ("e", Node::Number(std::f64::consts::E)),
];

const FUNCTIONS: [(&str, Function); 20] = [
    ("sin", Function::One(f64::sin)),
    ("cos", Function::One(f64::cos)),
    ("tan", Function::One(f64::tan)),
    ("tanh", Function::One(f64::tanh)),
    ("atan", Function::One(f64::atan)),
    ("exp", Function::One(f64::exp)),
    ("ln", Function::One(f64::ln)),
    ("log2", Function::One(f64::log2)),
    ("log10", Function::One(f64::log10)),
    ("sqrt", Function::One(f64::sqrt)),
    ("abs", Function::One(f64::abs)),
    ("sign", Function::One(|a| if a == 0.0 { 0.0 } else { a.signum() })),
    ("floor", Function::One(f64::floor)),
    ("ceil", Function::One(f64::ceil)),
    ("round", Function::One(f64::round)),
    ("mod", Function::Two(f64::rem_euclid)),
    ("atan2", Function::Two(f64::atan2)),
    ("min", Function::Fold(f64::min)),
    ("max", Function::Fold(f64::max)),
    ("if", Function::If),
];

/// Longer or deeper ones no person writes; both bound the parser's recursion.
const LONGEST: usize = 1000;
const DEEPEST: usize = 64;

impl Formula {
    /// Reads a formula.
    ///
    /// Errors: names the formula, the column (from 1), what stands there and what may.
    pub fn parse(source: &str) -> Result<Self, ModelError> {
        let refused = |reason: String| refused(source, reason);
        let depth = source.bytes().scan(0usize, |depth, byte| {
            *depth = match byte {
                b'(' => *depth + 1,
                b')' => depth.saturating_sub(1),
                _ => *depth,
            };
            Some(*depth)
        });
        if source.len() > LONGEST || depth.max().is_some_and(|depth| depth > DEEPEST) {
            let reason = format!(
                "too long; at most {LONGEST} characters and {DEEPEST} parentheses within each other"
            );
            return Err(refused(reason));
        }
        check_names(source)?;
        let root = sum.parse(source).map_err(|error| {
            let at = error.offset();
            let column = source.get(..at).map_or(at, |before| before.chars().count()) + 1;
            let rest = source.get(at..).unwrap_or_default();
            let reason = match rest.trim() {
                "" => format!("it ends at column {column} where a value or `)` is expected"),
                rest => format!("cannot be read from column {column} on: `{rest}`"),
            };
            refused(reason)
        })?;
        Ok(Self { source: source.into(), root })
    }

    /// As it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Its value for place `pos` and column `i` of `d`, with at most `n` places; possibly not
    /// finite.
    pub fn at(&self, pos: usize, i: usize, d: usize, n: usize) -> f64 {
        self.root.value([pos as f64, i as f64, d as f64, n as f64])
    }

    /// The table `[places, hidden]`.
    ///
    /// Errors: a value that is not a finite number, with its place and column.
    pub fn table(&self, places: usize, hidden: usize) -> Result<Rows, ModelError> {
        let mut table = Rows::zeros(places, hidden);
        for pos in 0..places {
            for (i, value) in table.row_mut(pos).iter_mut().enumerate() {
                let found = self.at(pos, i, hidden, places);
                *value = found as f32;
                if !value.is_finite() {
                    let reason = format!(
                        "at pos = {pos}, i = {i} (d = {hidden}, n = {places}) it is {found}, which \
                         is not a finite number; a division by 0 or a logarithm of 0 is likely"
                    );
                    return Err(refused(&self.source, reason));
                }
            }
        }
        Ok(table)
    }
}

fn refused(source: &str, reason: String) -> ModelError {
    let shown: String = source.chars().take(120).collect();
    let dots = if shown.len() < source.len() { "..." } else { "" };
    ModelError::Formula { source_text: format!("{shown}{dots}"), reason }
}

impl Node {
    fn value(&self, variables: [f64; 4]) -> f64 {
        match self {
            Self::Number(value) => *value,
            Self::Variable(variable) => variables[*variable as usize],
            Self::One(f, a) => f(a.value(variables)),
            Self::Two(f, a, b) => f(a.value(variables), b.value(variables)),
            // The other side is not computed: it may have no value there.
            Self::If(parts) => {
                let [condition, a, b] = &**parts;
                if condition.value(variables) != 0.0 { a } else { b }.value(variables)
            }
        }
    }
}

/// Every name in a formula must be known, and known as what it is used for.
fn check_names(source: &str) -> Result<(), ModelError> {
    let letters: Vec<(usize, char)> = source.char_indices().collect();
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let mut at = 0;
    while at < letters.len() {
        let begin = at;
        while at < letters.len() && (part(letters[at].1) || begin < at && letters[at].1 == '.') {
            at += 1;
        }
        if at == begin {
            at += 1;
            continue;
        }
        if letters[begin].1.is_ascii_digit() {
            continue;
        }
        let end = letters.get(at).map_or(source.len(), |(byte, _)| *byte);
        let name = &source[letters[begin].0..end];
        let called = source[end..].trim_start().starts_with('(');
        let functions = || FUNCTIONS.map(|(name, _)| name).join(", ");
        let names = || NAMES.map(|(name, _)| name).join(", ");
        let column = begin + 1;
        let known_function = FUNCTIONS.iter().any(|(known, _)| *known == name);
        let known_name = NAMES.iter().any(|(known, _)| *known == name);
        let reason = match (called, known_function, known_name) {
            (true, true, _) | (false, _, true) => continue,
            (true, false, _) => {
                format!("unknown function `{name}` at column {column}; there are {}", functions())
            }
            (false, true, _) => format!("`{name}` at column {column} needs its arguments in ( )"),
            (false, false, _) => {
                format!("unknown variable `{name}` at column {column}; there are {}", names())
            }
        };
        return Err(refused(source, reason));
    }
    Ok(())
}

type Outcome<T> = ModalResult<T>;
type Operator<'i> = Infix<&'i str, Node, ErrMode<ContextError>>;

fn two(f: fn(f64, f64) -> f64, a: Node, b: Node) -> Outcome<Node> {
    Ok(Node::Two(f, Box::new(a), Box::new(b)))
}

fn truth(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

/// A whole expression, with the space around it.
fn sum(input: &mut &str) -> Outcome<Node> {
    let prefix = dispatch! { preceded(multispace0, any);
        '-' => winnow::combinator::empty
            .value(Prefix(8, |_: &mut &str, a| Ok(Node::One(|a| -a, Box::new(a))))),
        '+' => winnow::combinator::empty.value(Prefix(8, |_: &mut &str, a| Ok(a))),
        _ => fail,
    };
    delimited(multispace0, expression(operand).prefix(prefix).infix(infix), multispace0)
        .parse_next(input)
}

fn infix<'i>(input: &mut &'i str) -> Outcome<Operator<'i>> {
    use Infix::{Left, Neither, Right};
    let sign = alt((
        alt(("<=", ">=", "==", "!=")),
        one_of(['<', '>', '+', '-', '*', '/', '%', '^']).take(),
    ));
    let operator: Operator<'i> = match preceded(multispace0, sign).parse_next(input)? {
        "<=" => Neither(2, |_, a, b| two(|a, b| truth(a <= b), a, b)),
        ">=" => Neither(2, |_, a, b| two(|a, b| truth(a >= b), a, b)),
        "==" => Neither(2, |_, a, b| two(|a, b| truth(a == b), a, b)),
        "!=" => Neither(2, |_, a, b| two(|a, b| truth(a != b), a, b)),
        "<" => Neither(2, |_, a, b| two(|a, b| truth(a < b), a, b)),
        ">" => Neither(2, |_, a, b| two(|a, b| truth(a > b), a, b)),
        "+" => Left(4, |_, a, b| two(|a, b| a + b, a, b)),
        "-" => Left(4, |_, a, b| two(|a, b| a - b, a, b)),
        "*" => Left(6, |_, a, b| two(|a, b| a * b, a, b)),
        "/" => Left(6, |_, a, b| two(|a, b| a / b, a, b)),
        "%" => Left(6, |_, a, b| two(f64::rem_euclid, a, b)),
        _ => Right(10, |_, a, b| two(f64::powf, a, b)),
    };
    Ok(operator)
}

fn operand(input: &mut &str) -> Outcome<Node> {
    preceded(multispace0, alt((number, delimited('(', cut_err(sum), cut_err(')')), named)))
        .parse_next(input)
}

/// `3`, `0.5`, `.5`, `1e-4`.
fn number(input: &mut &str) -> Outcome<Node> {
    let exponent = (one_of(['e', 'E']), opt(one_of(['+', '-'])), digit1);
    let mantissa = alt(((digit1, opt(('.', opt(digit1)))).take(), ('.', digit1).take()));
    (mantissa, opt(exponent)).take().parse_to::<f64>().map(Node::Number).parse_next(input)
}

fn named(input: &mut &str) -> Outcome<Node> {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let name = take_while(1.., part).parse_next(input)?;
    let arguments: Option<Vec<Node>> =
        opt(delimited(preceded(multispace0, '('), cut_err(separated(1.., sum, ',')), cut_err(')')))
            .parse_next(input)?;
    let call = |arguments| {
        let (_, function) = FUNCTIONS.iter().find(|(known, _)| *known == name)?;
        apply(*function, arguments)
    };
    let node = match arguments {
        Some(arguments) => call(arguments),
        None => NAMES.iter().find(|(known, _)| *known == name).map(|(_, node)| node.clone()),
    };
    match node {
        Some(node) => Ok(node),
        None => fail.parse_next(input),
    }
}

/// `None` where the function takes another number of arguments.
fn apply(function: Function, arguments: Vec<Node>) -> Option<Node> {
    let count = arguments.len();
    let mut rest = arguments.into_iter();
    let first = rest.next()?;
    match (function, count) {
        (Function::One(f), 1) => Some(Node::One(f, Box::new(first))),
        (Function::Two(f), 2) => Some(Node::Two(f, Box::new(first), Box::new(rest.next()?))),
        (Function::Fold(f), 2..) => {
            Some(rest.fold(first, |a, b| Node::Two(f, Box::new(a), Box::new(b))))
        }
        (Function::If, 3) => Some(Node::If(Box::new([first, rest.next()?, rest.next()?]))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(source: &str) -> f64 {
        Formula::parse(source).unwrap_or_else(|e| panic!("{e}")).at(7, 3, 64, 512)
    }

    #[test]
    fn precedences_are_those_of_mathematics() {
        let cases = [
            ("-2^2", -4.0),
            ("2^3^2", 512.0),
            ("2^-1", 0.5),
            ("2^-3*2", 0.25),
            ("8/4*2", 4.0),
            ("1 - 2 - 3", -4.0),
            ("1+2*3", 7.0),
            ("(1+2)*3", 9.0),
            ("--3", 3.0),
            ("exp(-(2)^2)", (-4f64).exp()),
            ("1e-2 + .5 + 2.", 2.51),
            ("-7 % 5", 3.0),
            ("mod(-7, 5)", 3.0),
            ("1 + 1 < 3", 1.0),
            ("if(i < d/2, pos, 1/0)", 7.0),
            ("min(4, 2, 3) + max(1, 2)", 4.0),
            ("atan2(1, 1)*4 - pi", 0.0),
            (" ln( e ) ", 1.0),
            ("pos + i*10 + d*100 + n*1000", 7.0 + 30.0 + 6400.0 + 512_000.0),
            ("sin(pos / 10000^(2*floor(i/2)/d))", (7.0 / 10_000f64.powf(2.0 / 64.0)).sin()),
        ];
        for (source, expected) in cases {
            let found = value(source);
            assert!((found - expected).abs() < 1e-12, "{source}: {found} against {expected}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_said_with_its_column() {
        let cases = [
            ("sin(x)", "unknown variable `x` at column 5"),
            ("sinn(pos)", "unknown function `sinn` at column 1"),
            ("sin pos", "`sin` at column 1 needs its arguments"),
            ("1 + ", "column 5"),
            ("(pos", "column 5"),
            ("2 pos", "column 3"),
            ("pos)", "column 4"),
            ("", "column 1"),
            ("atan2(1)", "column"),
            ("1 < 2 < 3", "column"),
            ("1..2", "column"),
            ("pos\u{e9}", "unknown variable"),
        ];
        for (source, expected) in cases {
            let error = Formula::parse(source).expect_err(source).to_string();
            assert!(error.contains(expected), "{source}: {error}");
        }
        assert!(Formula::parse(&"(".repeat(2000)).is_err());
        assert!(Formula::parse(&"-".repeat(999)).is_err());
        assert!(Formula::parse(&format!("{}1", "-".repeat(900))).is_ok());
        assert!(Formula::parse(&format!("1{}", "^1".repeat(490))).is_ok());
    }

    #[test]
    fn values_that_are_not_finite_name_their_place() {
        let error = Formula::parse("1 / (pos - 5)").unwrap().table(8, 4).unwrap_err().to_string();
        assert!(error.contains("pos = 5, i = 0") && error.contains("inf"), "{error}");
        let error = Formula::parse("ln(i - 1)").unwrap().table(8, 4).unwrap_err().to_string();
        assert!(error.contains("pos = 0, i = 0") && error.contains("NaN"), "{error}");
    }
}
