//! Where a source file can be changed by one small thing of the language, and into what.

use std::ops::Range;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{BinOp, Expr, Lit, Stmt, UnOp};

/// What kind of change it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Another operator.
    Operator,
    /// A whole number that is one larger.
    Bound,
    /// A condition turned round.
    Condition,
    /// A statement left out.
    Statement,
}

impl Kind {
    /// A word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Bound => "bound",
            Self::Condition => "condition",
            Self::Statement => "statement",
        }
    }
}

/// A change that can be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Of which kind.
    pub kind: Kind,
    /// Which bytes of the file it changes.
    pub at: Range<usize>,
    /// The line of its first byte, from 1.
    pub line: usize,
    /// What stands there then; empty for nothing.
    pub becomes: String,
}

/// Every change that can be made in a file, in order of place.
///
/// # Errors
/// If the text is not Rust.
pub fn of(text: &str) -> syn::Result<Vec<Site>> {
    let file = syn::parse_file(text)?;
    let mut finder = Finder { text, found: vec![] };
    finder.visit_file(&file);
    finder.found.sort_by_key(|site| (site.at.start, site.at.end));
    Ok(finder.found)
}

struct Finder<'a> {
    text: &'a str,
    found: Vec<Site>,
}

impl Finder<'_> {
    fn text_of(&self, node: &impl Spanned) -> &str {
        &self.text[node.span().byte_range()]
    }

    fn add(&mut self, kind: Kind, node: &impl Spanned, becomes: String) {
        let (at, line) = (node.span().byte_range(), node.span().start().line);
        self.found.push(Site { kind, at, line, becomes });
    }
}

/// Is compiled for some builds only, or for tests.
fn is_conditional(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|of| of.path().is_ident("cfg") || of.path().is_ident("test"))
}

/// The operator that is mistaken for this one.
const fn other(operator: &BinOp) -> Option<&'static str> {
    Some(match operator {
        BinOp::Lt(_) => "<=",
        BinOp::Le(_) => "<",
        BinOp::Gt(_) => ">=",
        BinOp::Ge(_) => ">",
        BinOp::Eq(_) => "!=",
        BinOp::Ne(_) => "==",
        BinOp::And(_) => "||",
        BinOp::Or(_) => "&&",
        BinOp::Add(_) => "-",
        BinOp::Sub(_) => "+",
        BinOp::Mul(_) => "/",
        BinOp::AddAssign(_) => "-=",
        BinOp::SubAssign(_) => "+=",
        _ => return None,
    })
}

/// Holds a `let`, which is no expression of its own.
fn binds(expr: &Expr) -> bool {
    match expr {
        Expr::Let(_) => true,
        Expr::Binary(of) => binds(&of.left) || binds(&of.right),
        _ => false,
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        use syn::Item::{Const, Enum, Fn, Impl, Mod, Static, Struct, Trait};
        let attributes = match item {
            // What is computed while it is compiled can't be switched.
            Const(_) | Static(_) => return,
            Enum(of) => &of.attrs,
            Fn(of) if of.sig.constness.is_some() => return,
            Fn(of) => &of.attrs,
            Impl(of) => &of.attrs,
            Mod(of) => &of.attrs,
            Struct(of) => &of.attrs,
            Trait(of) => &of.attrs,
            _ => return,
        };
        if !is_conditional(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        match item {
            syn::ImplItem::Fn(of) if of.sig.constness.is_none() && !is_conditional(&of.attrs) => {
                visit::visit_impl_item_fn(self, of);
            }
            _ => {}
        }
    }

    fn visit_trait_item(&mut self, item: &'ast syn::TraitItem) {
        if let syn::TraitItem::Fn(of) = item {
            visit::visit_trait_item_fn(self, of);
        }
    }

    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}
    fn visit_pat(&mut self, _: &'ast syn::Pat) {}
    fn visit_type(&mut self, _: &'ast syn::Type) {}
    fn visit_path(&mut self, _: &'ast syn::Path) {}
    fn visit_variant(&mut self, _: &'ast syn::Variant) {}

    fn visit_expr_repeat(&mut self, of: &'ast syn::ExprRepeat) {
        self.visit_expr(&of.expr);
    }

    fn visit_stmt(&mut self, stmt: &'ast Stmt) {
        if let Stmt::Expr(expr, Some(_)) = stmt {
            let drops = match expr {
                Expr::Assign(_) | Expr::Call(_) | Expr::MethodCall(_) => true,
                Expr::Binary(of) => matches!(
                    of.op,
                    BinOp::AddAssign(_) | BinOp::SubAssign(_) | BinOp::BitOrAssign(_)
                ),
                _ => false,
            };
            if drops {
                self.add(Kind::Statement, stmt, String::new());
            }
        }
        visit::visit_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'ast Expr) {
        match expr {
            Expr::Binary(of) if !binds(expr) => {
                if let Some(operator) = other(&of.op) {
                    let (left, right) = (self.text_of(&*of.left), self.text_of(&*of.right));
                    let becomes = format!("{left} {operator} {right}");
                    self.add(Kind::Operator, expr, becomes);
                }
            }
            Expr::Unary(syn::ExprUnary { op: UnOp::Not(_), expr: inner, .. }) => {
                let becomes = self.text_of(&**inner).to_owned();
                self.add(Kind::Condition, expr, becomes);
            }
            Expr::If(of) => {
                if matches!(&*of.cond, Expr::Call(_) | Expr::MethodCall(_) | Expr::Path(_)) {
                    let becomes = format!("!{}", self.text_of(&*of.cond));
                    self.add(Kind::Condition, &*of.cond, becomes);
                }
            }
            Expr::Lit(syn::ExprLit { lit: Lit::Int(of), .. }) => {
                if let Ok(value) = of.base10_parse::<u128>() {
                    self.add(Kind::Bound, expr, format!("{}{}", value + 1, of.suffix()));
                }
            }
            _ => {}
        }
        visit::visit_expr(self, expr);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(text: &str) -> Vec<(&'static str, &str, String)> {
        let sites = of(text).expect("it is Rust");
        sites.into_iter().map(|at| (at.kind.name(), &text[at.at], at.becomes)).collect()
    }

    #[test]
    fn operators_bounds_conditions_and_statements_are_found() {
        let found = changes(
            "fn f(a: u32, v: &mut Vec<u32>) -> bool {\n    v.push(a + 1);\n    if v.is_empty() \
             { return false; }\n    !v.contains(&3) && a < 2\n}\n",
        );
        let want = [
            ("statement", "v.push(a + 1);", ""),
            ("operator", "a + 1", "a - 1"),
            ("bound", "1", "2"),
            ("condition", "v.is_empty()", "!v.is_empty()"),
            ("condition", "!v.contains(&3)", "v.contains(&3)"),
            ("operator", "!v.contains(&3) && a < 2", "!v.contains(&3) || a < 2"),
            ("bound", "3", "4"),
            ("operator", "a < 2", "a <= 2"),
            ("bound", "2", "3"),
        ];
        let want: Vec<_> = want.map(|(kind, was, is)| (kind, was, is.to_owned())).into();
        assert_eq!(found, want);
    }

    #[test]
    fn what_is_constant_conditional_or_a_pattern_is_left_alone() {
        let text = "const A: u32 = 1 + 2;\nconst fn b() -> u32 { 1 + 2 }\n\
            #[cfg(test)]\nmod tests { fn c() -> u32 { 1 + 2 } }\n\
            struct S { array: [u8; 4] }\n\
            fn d(x: Option<u32>) { match x { Some(1) => {}, _ => {} } }\n\
            fn e(x: Option<u32>) { if let Some(y) = x && g(y) {} }\n";
        assert_eq!(changes(text), []);
    }
}
