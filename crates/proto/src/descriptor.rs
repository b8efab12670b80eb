//! The contract about itself: the descriptors of all messages, with comments and custom options.

use std::sync::OnceLock;

use prost::Name;
use prost_reflect::{DescriptorPool, FileDescriptor, MessageDescriptor};

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

/// The comment above what stands at a path of a file, its line breaks folded; empty if there is none.
pub fn comment(file: &FileDescriptor, path: &[i32]) -> String {
    let comments = file.file_descriptor_proto().source_code_info.as_ref();
    let location = comments.and_then(|comments| {
        let mut all = comments.location.iter();
        all.find(|location| location.path == path)
    });
    let text = location.and_then(|location| location.leading_comments.as_deref());
    let words = text.unwrap_or_default().split_whitespace();
    words.collect::<Vec<_>>().join(" ")
}
