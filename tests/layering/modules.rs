//! The modules of a crate, and whose files a path leads to.

use std::collections::{BTreeMap, BTreeSet};

use headwater_tests::workspace::SourceFile;

use crate::names::{Name, names};

/// A module by its path in the crate, such as `["kafka", "broker"]`; empty for the crate's root.
type Module = Vec<String>;

/// The files of a crate by their modules.
pub struct Modules<'a> {
    files: BTreeMap<Module, &'a SourceFile>,
    /// What the crate's root imports, by the name that it has there.
    imports_of_root: BTreeMap<String, Module>,
    folder: &'a str,
    /// The name of the root's file.
    root: &'static str,
}

impl<'a> Modules<'a> {
    /// Of the files of a crate, all of whose paths begin with `folder`.
    pub fn of(folder: &'a str, files: &[&'a SourceFile]) -> Self {
        let library = files.iter().any(|file| file.path == format!("{folder}lib.rs"));
        let mut modules = Self {
            files: BTreeMap::new(),
            imports_of_root: BTreeMap::new(),
            folder,
            root: if library { "lib" } else { "main" },
        };
        modules.files = files.iter().map(|file| (modules.module_of(file), *file)).collect();
        if let Some(root) = modules.files.get(&Module::new()) {
            modules.imports_of_root = modules.imports(root);
        }
        modules
    }

    /// The paths of the other files whose names `file` uses outside of its tests. To declare a
    /// module is not to use it.
    pub fn needed_by(&self, file: &SourceFile) -> BTreeSet<String> {
        let module = self.module_of(file);
        let imports = self.imports(file);
        let mut needed = BTreeSet::new();
        for found in names(file).into_iter().filter(|found| !found.in_tests) {
            let Name::Path(path) = found.name else { continue };
            let absolute = self.absolute(&module, &path).or_else(|| {
                let (first, rest) = path.split_first().filter(|(_, rest)| !rest.is_empty())?;
                Some([imports.get(first)?, rest].concat())
            });
            needed.extend(absolute.and_then(|path| self.file(path)));
        }
        needed.remove(&file.path);
        needed
    }

    /// What a file imports of its crate outside of its tests.
    fn imports(&self, file: &SourceFile) -> BTreeMap<String, Module> {
        let module = self.module_of(file);
        let bound = names(file).into_iter().filter(|found| !found.in_tests).filter_map(|found| {
            let Name::Path(path) = found.name else { return None };
            Some((found.binds?, self.absolute(&module, &path)?))
        });
        bound.collect()
    }

    /// A path from the crate's root; nothing for one that does not begin in the crate.
    fn absolute(&self, module: &Module, path: &[String]) -> Option<Module> {
        let mut base = match path.first()?.as_str() {
            "crate" => Module::new(),
            "super" | "self" => module.clone(),
            child => {
                let child = [module.as_slice(), &[child.to_owned()]].concat();
                (path.len() > 1 && self.files.contains_key(&child)).then(|| module.clone())?
            }
        };
        for segment in path {
            match segment.as_str() {
                "crate" | "self" => {}
                "super" => drop(base.pop()),
                other => base.push(other.into()),
            }
        }
        Some(base)
    }

    /// The file of the innermost module on a path from the root; for what the root only passes on,
    /// the file that has it.
    fn file(&self, mut path: Module) -> Option<String> {
        let first = path.first()?;
        if !self.files.contains_key(std::slice::from_ref(first))
            && let Some(imported) = self.imports_of_root.get(first)
        {
            path.splice(..1, imported.iter().cloned());
        }
        while !self.files.contains_key(&path) {
            path.pop()?;
        }
        Some(self.files[&path].path.clone())
    }

    fn module_of(&self, file: &SourceFile) -> Module {
        let path = file.path.strip_prefix(self.folder).unwrap_or(&file.path);
        let path = path.strip_suffix(".rs").unwrap_or(path);
        if path == self.root {
            return Module::new();
        }
        let mut module: Module = path.split('/').map(ToString::to_string).collect();
        module.pop_if(|last| last == "mod");
        module
    }
}
