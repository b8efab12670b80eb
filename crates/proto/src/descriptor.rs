//! The contract about itself: the descriptors of all messages, with comments and custom options.

use std::sync::OnceLock;

use prost::Name;
use prost_reflect::{DescriptorPool, MessageDescriptor};

/// The encoded `google.protobuf.FileDescriptorSet` of the contract and of what it imports, for reflection services.
pub const FILE_DESCRIPTOR_SET: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/concordat.v1.fds"));

/// All descriptors of the contract.
pub fn descriptor_pool() -> &'static DescriptorPool {
    static POOL: OnceLock<DescriptorPool> = OnceLock::new();
    POOL.get_or_init(|| {
        DescriptorPool::decode(FILE_DESCRIPTOR_SET)
            .expect("the build wrote this descriptor set from files that compiled")
    })
}

/// The descriptor of a generated message.
///
/// # Panics
///
/// If `M` is not a message of the contract.
pub fn of<M: Name>() -> MessageDescriptor {
    descriptor_pool()
        .get_message_by_name(&M::full_name())
        .expect("every generated message is in the embedded descriptor set")
}
