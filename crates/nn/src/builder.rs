//! An architecture declares its parameters: name, shape, initialisation and use.

/// A handle to a declared parameter, `[rows, width]`; a vector is `[1, width]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Param {
    pub(crate) index: usize,
    /// Rows (outputs of a linear map; entries of a table; 1 for a vector).
    pub rows: usize,
    /// Columns (inputs of a linear map; hidden width of a table; length of a vector).
    pub width: usize,
}

impl Param {
    /// The parameter's number in its declaration.
    pub fn index(&self) -> usize {
        self.index
    }

    /// The number of values.
    pub fn len(&self) -> usize {
        self.rows * self.width
    }

    /// Whether it holds no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What a parameter is used for; it decides how it may be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The right side of a matrix product, `y = x W^T`; may be packed, and held as bytes.
    Matrix,
    /// The right side of products inside another kernel: a recurrence, a convolution. May be packed;
    /// always f32.
    ExactMatrix,
    /// Rows looked up by number; may be held as bytes.
    Table,
    /// Rows that are read in other ways too; always f32.
    ExactTable,
    /// A bias, a norm's weight: one row.
    Vector,
}

impl Role {
    /// Whether it is the right side of products, and may be packed.
    pub fn is_matrix(self) -> bool {
        matches!(self, Self::Matrix | Self::ExactMatrix)
    }

    /// Whether it may be held as bytes with a scale a row.
    pub fn may_be_bytes(self) -> bool {
        matches!(self, Self::Matrix | Self::Table)
    }
}

/// How a parameter begins when it is not loaded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Initial {
    /// All zeros.
    Zeros,
    /// All ones.
    Ones,
    /// Normal with mean 0 and this standard deviation.
    Normal(f32),
    /// Zeros, but ones in the second quarter: the bias of an LSTM's forget gates (Jozefowicz,
    /// Zaremba and Sutskever 2015).
    ForgetBias {
        /// A quarter of the values.
        cells: usize,
    },
}

/// One declared parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Declared {
    /// Dotted path in Contexture's own terms, e.g. `layers.0.attention.qkv.weight`.
    pub name: String,
    /// The handle, with its shape.
    pub param: Param,
    /// What it is used for.
    pub role: Role,
    /// How it begins when training from scratch.
    pub initial: Initial,
}

/// All parameters of a model, in the order of their declaration.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Declaration {
    /// Indexed by [`Param::index`].
    pub params: Vec<Declared>,
}

/// Collects declarations under a path of names.
#[derive(Debug, Default)]
pub struct Builder {
    declaration: Declaration,
    path: Vec<String>,
}

impl Builder {
    /// Nothing declared, at the root path.
    pub fn new() -> Self {
        Self::default()
    }

    /// Declares inside `name.` whatever `declare` declares.
    pub fn within<T>(&mut self, name: impl ToString, declare: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(name.to_string());
        let result = declare(self);
        self.path.pop();
        result
    }

    /// `[outputs, inputs]`, the right side of a product.
    pub fn matrix(&mut self, name: &str, outputs: usize, inputs: usize, initial: Initial) -> Param {
        self.declare(name, outputs, inputs, Role::Matrix, initial)
    }

    /// `[outputs, inputs]`, the right side of products that want f32.
    pub fn exact_matrix(
        &mut self,
        name: &str,
        outputs: usize,
        inputs: usize,
        initial: Initial,
    ) -> Param {
        self.declare(name, outputs, inputs, Role::ExactMatrix, initial)
    }

    /// `[rows, width]`, to be looked up by row.
    pub fn table(&mut self, name: &str, rows: usize, width: usize, initial: Initial) -> Param {
        self.declare(name, rows, width, Role::Table, initial)
    }

    /// `[rows, width]`, read as f32.
    pub fn exact_table(
        &mut self,
        name: &str,
        rows: usize,
        width: usize,
        initial: Initial,
    ) -> Param {
        self.declare(name, rows, width, Role::ExactTable, initial)
    }

    /// `[width]`.
    pub fn vector(&mut self, name: &str, width: usize, initial: Initial) -> Param {
        self.declare(name, 1, width, Role::Vector, initial)
    }

    /// From here on a declared table is read in other ways too than by number, as f32.
    pub fn reads_exactly(&mut self, table: Param) {
        let role = &mut self.declaration.params[table.index].role;
        if *role == Role::Table {
            *role = Role::ExactTable;
        }
    }

    /// Everything that was declared.
    pub fn finish(self) -> Declaration {
        self.declaration
    }

    fn declare(
        &mut self,
        name: &str,
        rows: usize,
        width: usize,
        role: Role,
        initial: Initial,
    ) -> Param {
        let mut full = self.path.join(".");
        if !full.is_empty() {
            full.push('.');
        }
        full.push_str(name);
        let params = &mut self.declaration.params;
        assert!(params.iter().all(|other| other.name != full), "{full} is declared twice");
        let param = Param { index: params.len(), rows, width };
        params.push(Declared { name: full, param, role, initial });
        param
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_path() {
        let mut builder = Builder::new();
        let inner = builder
            .within("layers", |b| b.within(3, |b| b.matrix("output.weight", 4, 2, Initial::Zeros)));
        let table = builder.table("words", 7, 2, Initial::Normal(0.02));
        let declaration = builder.finish();
        assert_eq!(declaration.params[inner.index()].name, "layers.3.output.weight");
        assert_eq!(declaration.params[table.index()].param, table);
        assert_eq!((inner.rows, inner.width, inner.len()), (4, 2, 8));
    }
}
