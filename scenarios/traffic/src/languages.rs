//! Languages: a mix of them, each with its own day.

use headwater_sim::inversion::OpenUnit;
use headwater_sim::time::{Duration, Time};
use rand::Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::TrafficError;
use super::marks::Purpose;
use super::spec::TrafficSpec;

/// A language by its code in BCP 47, as Twitter's API has it in `lang`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Language {
    /// Arabic.
    Ar,
    /// German.
    De,
    /// English.
    #[default]
    En,
    /// Spanish.
    Es,
    /// French.
    Fr,
    /// Indonesian; Twitter's old code for it, `in`, is not used.
    Id,
    /// Japanese.
    Ja,
    /// Korean.
    Ko,
    /// Malay.
    Ms,
    /// Dutch.
    Nl,
    /// Portuguese.
    Pt,
    /// Thai.
    Th,
    /// Turkish.
    Tr,
}

impl Language {
    /// Its code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Ar => "ar",
            Self::De => "de",
            Self::En => "en",
            Self::Es => "es",
            Self::Fr => "fr",
            Self::Id => "id",
            Self::Ja => "ja",
            Self::Ko => "ko",
            Self::Ms => "ms",
            Self::Nl => "nl",
            Self::Pt => "pt",
            Self::Th => "th",
            Self::Tr => "tr",
        }
    }
}

/// One language of a mix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LanguageSpec {
    /// Which.
    pub code: Language,
    /// How much of the events is in it, in any unit: shares are what they are of their sum. In
    /// spring 2010, of 62,556,331 tweets, 51.1 % were English, 19.1 Japanese, 9.6 Portuguese, 5.6
    /// Indonesian, 4.7 Spanish, 1.4 Dutch, 1.3 Korean, 1.3 French, 1.0 German and 0.8 Malay (L.
    /// Hong, G. Convertino, E. H. Chi, "Language Matters in Twitter", ICWSM 2011, table 1).
    pub share: f64,
    /// How much later than `diurnal.peak` its day is at its peak. Default 0s. The wave of the whole
    /// is the sum of all of these.
    #[serde(default)]
    pub later: Duration,
}

/// A mix of languages, ready to be drawn from.
#[derive(Clone, Debug, Default)]
pub(super) struct Languages {
    purpose: Option<Purpose>,
    /// Language, share of all, and the peak of its day in nanoseconds after that of the wave.
    mix: Vec<(Language, f64, f64)>,
    amplitude: f64,
    peak: f64,
    pace: f64,
}

impl Languages {
    pub(super) fn new(purpose: Purpose, spec: &TrafficSpec) -> Self {
        let total: f64 = spec.languages.iter().map(|of| of.share).sum();
        let one = |of: &LanguageSpec| (of.code, of.share / total, of.later.0 as f64);
        Self {
            purpose: Some(purpose),
            mix: spec.languages.iter().map(one).collect(),
            amplitude: spec.diurnal.amplitude,
            peak: spec.diurnal.peak.0 as f64,
            pace: 2.0 * core::f64::consts::PI / spec.diurnal.period.0 as f64,
        }
    }

    /// What is out of range, if anything.
    pub(super) fn check(specs: &[LanguageSpec]) -> Result<(), TrafficError> {
        for (index, spec) in specs.iter().enumerate() {
            let field = format!("languages[{index}].share");
            let want = "a number above 0 and up to 1,000,000";
            TrafficError::within(&field, spec.share, (f64::MIN_POSITIVE, 1e6), want)?;
        }
        Ok(())
    }

    /// The sum of all days: what it has of the amplitude of one, and how much later it is at its
    /// peak, in nanoseconds. Waves of one length add up to one of that length.
    pub(super) fn wave(&self) -> Option<(f64, f64)> {
        if self.mix.is_empty() {
            return None;
        }
        let (mut cos, mut sin) = (0.0, 0.0);
        for (_, share, later) in &self.mix {
            cos += share * libm::cos(self.pace * later);
            sin += share * libm::sin(self.pace * later);
        }
        Some((libm::hypot(cos, sin), libm::atan2(sin, cos) / self.pace))
    }

    /// The language of the event that is meant for `at`: drawn by what each has of the rate then.
    pub(super) fn at(&self, at: Time) -> Language {
        let (Some(purpose), [_, ..]) = (self.purpose, &self.mix[..]) else {
            return Language::default();
        };
        let weight = |share: f64, later: f64| {
            let phase = self.pace * (at.0 as f64 - self.peak - later);
            share * (1.0 + self.amplitude * libm::cos(phase))
        };
        let total: f64 = self.mix.iter().map(|(_, share, later)| weight(*share, *later)).sum();
        let mut left = purpose.draws(at).sample(OpenUnit) * total;
        let found = self.mix.iter().find(|(_, share, later)| {
            left -= weight(*share, *later);
            left < 0.0
        });
        found.unwrap_or(&self.mix[0]).0
    }
}
