//! What resources are called.

use super::Simulation;
use crate::cpu::Servers;
use crate::node::{Observer, Protocol};
use crate::queue::EventQueue;
use crate::usage::{ResourceKind, Usage};

impl<P: Protocol, O: Observer<P>, Q: EventQueue> Simulation<P, O, Q> {
    /// The name of a resource, such as `broker-1/request-handlers` or `machine/disk0`.
    pub fn name_of(&self, usage: &Usage) -> String {
        let owner = match usage.node {
            Some(node) => &self.nodes[node.index()].spec.name,
            None => &self.machines[usage.machine.index()].spec.name,
        };
        match usage.kind {
            ResourceKind::Cpu => format!("{owner}/cpu"),
            ResourceKind::ThreadPool => format!("{owner}/{}", self.pool_name(usage)),
            ResourceKind::Disk => format!("{owner}/disk{}", usage.number),
            ResourceKind::NicOut => format!("{owner}/nic-out"),
            ResourceKind::NicIn => format!("{owner}/nic-in"),
        }
    }

    /// What a pool of threads is for, with a number where its process has several such pools.
    fn pool_name(&self, usage: &Usage) -> String {
        let pools = usage.node.map_or(&[][..], |node| &self.nodes[node.index()].pools);
        let role = |pool: &Servers| pool.spec().role;
        let own = pools.get(usage.number).map_or("", role);
        let alike = |pools: &[Servers]| pools.iter().filter(|pool| role(pool) == own).count();
        match own {
            "" => format!("threads-{}", usage.number),
            _ if alike(pools) == 1 => own.to_owned(),
            _ => format!("{own}-{}", alike(&pools[..=usage.number])),
        }
    }
}
