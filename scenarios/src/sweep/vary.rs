//! What a sweep varies: paths with their values, and the product of all but what is left out.

use std::str::FromStr;

use headwater_reading::problem::nearest;

/// Settings laid over a scenario, as (path, value).
pub type Settings = Vec<(String, String)>;

/// One path and the values that it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vary {
    /// The path, such as `system.segments`.
    pub path: String,
    /// The values; the first is the baseline's.
    pub values: Vec<String>,
}

impl FromStr for Vary {
    type Err = String;

    /// `PATH=A,B,C`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (path, values) =
            text.split_once('=').ok_or("expected PATH=A,B,C, such as system.segments=1,4,16")?;
        let values: Vec<String> = values.split(',').map(|value| value.trim().to_owned()).collect();
        if values.iter().any(String::is_empty) {
            let wrong = "an empty value; expected PATH=A,B,C, such as system.segments=1,4,16";
            return Err(wrong.into());
        }
        Ok(Self { path: path.trim().to_owned(), values })
    }
}

/// `PATH=VALUE`.
///
/// # Errors
/// What was expected.
pub fn setting(text: &str) -> Result<(String, String), String> {
    let (path, value) =
        text.split_once('=').ok_or("expected PATH=VALUE, such as system.partitions=6")?;
    Ok((path.trim().to_owned(), value.trim().to_owned()))
}

/// `PATH=VALUE,PATH=VALUE`: all of these at once.
///
/// # Errors
/// What was expected.
pub fn combination(text: &str) -> Result<Settings, String> {
    let wrong = |_| {
        "expected PATH=VALUE,PATH=VALUE, such as system.producer.acks=0,system.replication.factor=1"
            .to_owned()
    };
    text.split(',').map(setting).collect::<Result<_, _>>().map_err(wrong)
}

/// Makes the variants: each path with each of its values, but for those that have all settings of
/// one of `skip`.
///
/// # Errors
/// What is left out that is not varied, or that nothing is left.
pub(super) fn variants(vary: &[Vary], skip: &[Settings]) -> Result<Vec<Settings>, String> {
    for (path, value) in skip.iter().flatten() {
        check_path("--skip", path, vary)?;
        let values = vary.iter().filter(|one| one.path == *path).flat_map(|one| &one.values);
        let values: Vec<&str> = values.map(String::as_str).collect();
        if !values.contains(&value.as_str()) {
            let known = values.join(", ");
            return Err(format!("--skip: {path} is never `{value}`; it is varied over {known}"));
        }
    }
    let all = vary.iter().fold(vec![Vec::new()], |variants, vary| {
        let with = |variant: &Settings| {
            let value = |value: &String| {
                let mut settings = variant.clone();
                settings.push((vary.path.clone(), value.clone()));
                settings
            };
            vary.values.iter().map(value).collect::<Vec<_>>()
        };
        variants.iter().flat_map(with).collect()
    });
    let skipped = |variant: &Settings| {
        skip.iter().any(|all| all.iter().all(|setting| variant.contains(setting)))
    };
    let left: Vec<Settings> = all.into_iter().filter(|variant| !skipped(variant)).collect();
    if left.is_empty() {
        return Err("--skip leaves no variant".to_owned());
    }
    Ok(left)
}

/// That a path is varied.
///
/// # Errors
/// That it is not, with the nearest.
pub(super) fn check_path(option: &str, path: &str, vary: &[Vary]) -> Result<(), String> {
    let varied = || vary.iter().map(|vary| vary.path.as_str());
    if varied().any(|one| one == path) {
        return Ok(());
    }
    Err(match nearest(path, varied()) {
        Some(near) => format!("{option}: `{path}` is not varied; did you mean `{near}`?"),
        None => {
            let known = varied().collect::<Vec<_>>().join(", ");
            format!("{option}: `{path}` is not varied; varied: {known}")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vary(path: &str, values: &[&str]) -> Vary {
        let values = values.iter().map(|value| (*value).into()).collect();
        Vary { path: path.into(), values }
    }

    #[test]
    fn variants_are_the_product_and_the_first_is_the_baseline() {
        let both = [vary("a", &["1", "2"]), vary("b", &["x", "y", "z"])];
        let all = variants(&both, &[]).unwrap();
        assert_eq!(all.len(), 6);
        assert_eq!(all[0], [("a".into(), "1".into()), ("b".into(), "x".into())]);
        assert_eq!(variants(&[], &[]).unwrap(), [vec![]]);
    }

    #[test]
    fn what_is_left_out_has_all_of_the_settings_and_is_varied() {
        let both = [vary("a", &["1", "2"]), vary("b", &["x", "y", "z"])];
        let left = |skip: &[&str]| {
            let skip: Vec<_> = skip.iter().map(|text| combination(text).unwrap()).collect();
            variants(&both, &skip)
        };
        let of_first = |all: Vec<Settings>| {
            let name = |of: &Settings| of.iter().map(|(_, value)| value.as_str()).collect();
            all.iter().map(name).collect::<Vec<String>>().join(" ")
        };
        assert_eq!(of_first(left(&["a=1,b=y", "b=z"]).unwrap()), "1x 2x 2y");
        assert_eq!(left(&["a=1", "a=2"]).unwrap_err(), "--skip leaves no variant");
        assert!(left(&["b=w"]).unwrap_err().contains("it is varied over x, y, z"));
        assert!(left(&["c=1"]).unwrap_err().contains("`c` is not varied"));
        assert!(combination("a").is_err());
    }
}
