//! Compiles every `.proto` file of the contract. protox is a compiler in Rust, so that building needs no `protoc`.

use std::{env, error::Error, fs, path::Path, path::PathBuf};

/// The reader of requests refuses unknown fields; see `strict`.
const CODEC: &str = "crate::strict::StrictCodec";

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    println!("cargo:rerun-if-changed={}", root.display());

    let mut compiler = protox::Compiler::new([&root])?;
    // Comments become the documentation of the generated types, and reach clients through reflection.
    compiler.include_source_info(true).include_imports(true);
    compiler.open_files(proto_files(&root.join("concordat/v1"))?)?;

    // Encoded by protox itself: a set that went through prost-types would have lost the custom options.
    let set = PathBuf::from(env::var("OUT_DIR")?).join("concordat.v1.fds");
    fs::write(set, compiler.encode_file_descriptor_set())?;

    let mut config = prost_build::Config::new();
    config.enable_type_names();
    config.btree_map(["."]);
    tonic_prost_build::configure()
        .codec_path(CODEC)
        .compile_fds_with_config(compiler.file_descriptor_set(), config)?;
    Ok(())
}

/// The files of one directory, sorted, so that the descriptor set does not depend on the file system.
fn proto_files(directory: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "proto")
        {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
