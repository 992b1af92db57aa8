//! How busy the parts of the system were, and which of them was the bottleneck.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Mean utilisation from which a resource counts as the binding constraint. At 70 % an M/M/1 queue
/// makes a request wait 2.3 service times, so that waiting, not serving, sets the latency.
pub const BINDING_FROM: f64 = 0.7;

/// What kind of resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceKind {
    /// The cores of a machine.
    Cpu,
    /// A disk.
    Disk,
    /// A network card, one direction.
    Nic,
    /// The threads of a pool.
    ThreadPool,
    /// A configured bound on work in progress: max in flight, buffer memory, a throttler.
    Limit,
}

impl fmt::Display for ResourceKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Cpu => "CPU",
            Self::Disk => "disk",
            Self::Nic => "network card",
            Self::ThreadPool => "thread pool",
            Self::Limit => "limit",
        })
    }
}

/// One resource over the measurement window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resource {
    /// Name, such as `broker-1/disk0` or `producer-1/max.in.flight`.
    pub name: String,
    /// Kind.
    pub kind: ResourceKind,
    /// Mean share of its servers that was busy (of a limit: mean share of the time it was reached),
    /// 0 to 1.
    pub utilisation_mean: f64,
    /// Busiest interval, 0 to 1.
    pub utilisation_max: f64,
    /// Utilisation per interval of the outcome's series, 0 to 1; empty if it was not sampled.
    pub series: Vec<f64>,
    /// Requests that waited, at the most; of a disk, dirty bytes.
    pub queue_max: u64,
}

/// The resource that limited the run, or came nearest to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    /// The resource's name.
    pub name: String,
    /// Its kind.
    pub kind: ResourceKind,
    /// Its mean utilisation over the measurement window, 0 to 1.
    pub utilisation_mean: f64,
    /// Whether it binds ([`BINDING_FROM`] and above) or is only the busiest of an idle system.
    pub binds: bool,
}

impl fmt::Display for Binding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = self.utilisation_mean * 100.0;
        let verb = if self.kind == ResourceKind::Limit { "reached" } else { "busy" };
        if self.binds {
            write!(formatter, "{} ({}, {verb} {percent:.0} % of the time)", self.name, self.kind)
        } else {
            write!(
                formatter,
                "none: the busiest is {} ({}, {verb} {percent:.0} % of the time)",
                self.name, self.kind
            )
        }
    }
}

/// All resources of a run with the binding constraint, which is computed from them: the highest
/// mean utilisation, the first of equals.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "ResourcesFile", into = "ResourcesFile")]
pub struct Resources(Vec<Resource>);

impl Resources {
    /// The resources in the order to show them.
    pub fn new(resources: Vec<Resource>) -> Self {
        Self(resources)
    }

    /// The resources.
    pub fn iter(&self) -> impl Iterator<Item = &Resource> {
        self.0.iter()
    }

    /// Whether none was measured.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The binding constraint; `None` where no resource was measured.
    pub fn binding(&self) -> Option<Binding> {
        let mut busiest = self.0.first()?;
        for resource in &self.0 {
            if resource.utilisation_mean > busiest.utilisation_mean {
                busiest = resource;
            }
        }
        Some(Binding {
            name: busiest.name.clone(),
            kind: busiest.kind,
            utilisation_mean: busiest.utilisation_mean,
            binds: busiest.utilisation_mean >= BINDING_FROM,
        })
    }
}

/// Resources as they stand in the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ResourcesFile {
    binding_constraint: Option<Binding>,
    measured: Vec<Resource>,
}

impl From<Resources> for ResourcesFile {
    fn from(resources: Resources) -> Self {
        Self { binding_constraint: resources.binding(), measured: resources.0 }
    }
}

impl TryFrom<ResourcesFile> for Resources {
    type Error = String;

    fn try_from(file: ResourcesFile) -> Result<Self, String> {
        let resources = Self(file.measured);
        if resources.binding() == file.binding_constraint {
            Ok(resources)
        } else {
            Err("`binding_constraint` is not the busiest of `measured`".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(name: &str, kind: ResourceKind, utilisation_mean: f64) -> Resource {
        let name = name.to_owned();
        Resource {
            name,
            kind,
            utilisation_mean,
            utilisation_max: 1.0,
            series: vec![],
            queue_max: 0,
        }
    }

    #[test]
    fn the_busiest_resource_binds_only_when_it_is_busy() {
        let idle = Resources::new(vec![
            resource("broker-1/cpu", ResourceKind::Cpu, 0.1),
            resource("broker-1/disk0", ResourceKind::Disk, 0.2),
        ]);
        assert_eq!(
            idle.binding().map(|binding| binding.to_string()).as_deref(),
            Some("none: the busiest is broker-1/disk0 (disk, busy 20 % of the time)")
        );
        let limited = Resources::new(vec![
            resource("broker-1/cpu", ResourceKind::Cpu, 0.71),
            resource("writer-1/in flight", ResourceKind::Limit, 0.97),
        ]);
        assert_eq!(
            limited.binding().map(|binding| binding.to_string()).as_deref(),
            Some("writer-1/in flight (limit, reached 97 % of the time)")
        );
        assert_eq!(Resources::default().binding(), None);
    }
}
