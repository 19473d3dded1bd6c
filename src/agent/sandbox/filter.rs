//! The filter of system calls (seccomp): it closes the ways around Landlock, and doors that kubectl never uses.

use std::collections::BTreeMap;

use nix::libc;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, sock_filter,
};

/// From here on, numbers on x86-64 are those of the x32 ABI: the same calls under other names.
const X32: u32 = 0x4000_0000;

/// The bits of a socket's type that are not flags.
const SOCKET_TYPE_BITS: [u64; 4] = [1, 2, 4, 8];

/// The flags of `clone` that make a namespace.
const NEW_NAMESPACE: [libc::c_int; 7] = [
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWUTS,
];

/// Calls that fail with EPERM, whatever their arguments.
const FORBIDDEN: &[libc::c_long] = &[
    // To listen, and to reach others by sockets that already have a peer.
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_socketpair,
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    // Other ways to make system calls, or to run code in the kernel.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_bpf,
    libc::SYS_userfaultfd,
    libc::SYS_perf_event_open,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    // Files that have no path, which Landlock lets through and which could be executed.
    libc::SYS_memfd_create,
    libc::SYS_memfd_secret,
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    // Other views of the system.
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_mount_setattr,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    // The kernel's keys, its log, the machine.
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_syslog,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
];

/// Makes the filter for this architecture.
///
/// # Errors
/// For an architecture that the library does not know.
pub fn program() -> Result<BpfProgram, BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = FORBIDDEN.iter().map(|call| (*call, Vec::new())).collect();
    rules.insert(libc::SYS_socket, other_than_tcp()?);
    rules.insert(libc::SYS_clone, any_flag(0, &NEW_NAMESPACE)?);
    // TCP Fast Open connects while it sends, where Landlock does not look.
    for (call, flags) in [(libc::SYS_sendto, 3), (libc::SYS_sendmsg, 2), (libc::SYS_sendmmsg, 3)] {
        rules.insert(call, any_flag(flags, &[libc::MSG_FASTOPEN])?);
    }
    let eperm = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let filter: BpfProgram =
        SeccompFilter::new(rules, SeccompAction::Allow, eperm, TargetArch::try_from(std::env::consts::ARCH)?)?
            .try_into()?;
    Ok(unknown_calls().into_iter().chain(filter).collect())
}

/// Sockets that are not plain TCP over IPv4, which is how the gate is reached. Landlock confines neither UDP nor
/// multipath TCP, and connections to local sockets only on the newest kernels.
fn other_than_tcp() -> Result<Vec<SeccompRule>, BackendError> {
    let number = |number: libc::c_int| u64::from(number.unsigned_abs());
    let bit_differs = |bit: u64| {
        let wrong = !number(libc::SOCK_STREAM) & bit;
        when(1, SeccompCmpOp::MaskedEq(bit), wrong)
    };
    let mut rules = vec![
        SeccompRule::new(vec![when(0, SeccompCmpOp::Ne, number(libc::AF_INET))?])?,
        SeccompRule::new(vec![
            when(2, SeccompCmpOp::Ne, number(libc::IPPROTO_IP))?,
            when(2, SeccompCmpOp::Ne, number(libc::IPPROTO_TCP))?,
        ])?,
    ];
    for bit in SOCKET_TYPE_BITS {
        rules.push(SeccompRule::new(vec![bit_differs(bit)?])?);
    }
    Ok(rules)
}

/// Calls whose argument has any of these bits.
fn any_flag(argument: u8, flags: &[libc::c_int]) -> Result<Vec<SeccompRule>, BackendError> {
    let rule = |flag: &libc::c_int| {
        let flag = u64::from(flag.unsigned_abs());
        SeccompRule::new(vec![when(argument, SeccompCmpOp::MaskedEq(flag), flag)?])
    };
    flags.iter().map(rule).collect()
}

fn when(argument: u8, comparison: SeccompCmpOp, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, comparison, value)
}

/// What comes before the filter: calls that are to look as if the kernel did not have them. `clone3` keeps its flags in
/// memory, where no filter sees them; C libraries then use `clone`.
fn unknown_calls() -> [sock_filter; 4] {
    let instruction = |code: u32, jt: u8, jf: u8, k: u32| sock_filter { code: code as u16, jt, jf, k };
    let enosys = libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs();
    [
        // The number of the call is the first word of what a filter sees.
        instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 1, 0, libc::SYS_clone3 as u32),
        instruction(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 0, 1, X32),
        instruction(libc::BPF_RET | libc::BPF_K, 0, 0, enosys),
    ]
}
