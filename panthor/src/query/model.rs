//! Marketing names of Mali GPUs.

/// Ray tracing bit of GPU_FEATURES.
const RAY_INTERSECTION: u64 = 1 << 2;

/// Returns the name of a GPU by architecture and product, and among siblings by cores and ray
/// tracing.
pub(super) fn name(arch: u32, product: u32, cores: u32, gpu_features: Option<u64>) -> &'static str {
    let rays = gpu_features.unwrap_or(0) & RAY_INTERSECTION != 0;
    let immortalis = rays && cores >= 10;
    match (arch, product) {
        (10, 2) => "Mali-G710",
        (10, 3) => "Mali-G510",
        (10, 4) => "Mali-G310",
        (10, 7) => "Mali-G610",
        (11, 2) if immortalis => "Immortalis-G715",
        (11, 2) if cores >= 7 => "Mali-G715",
        (11, 2 | 3) => "Mali-G615",
        (12, 0) if immortalis => "Immortalis-G720",
        (12, 0) if cores >= 6 => "Mali-G720",
        (12, 0 | 1) => "Mali-G620",
        (13, 0) if immortalis => "Immortalis-G925",
        (13, 0) if cores >= 6 => "Mali-G725",
        (13, 0 | 1) => "Mali-G625",
        (14, 0) => "Mali-G1-Ultra",
        (14, 1) => "Mali-G1-Premium",
        (14, 3) => "Mali-G1-Pro",
        _ => "Mali (unknown)",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn siblings_differ_by_cores_and_rays() {
        assert_eq!(name(10, 7, 4, None), "Mali-G610");
        assert_eq!(name(11, 2, 6, None), "Mali-G615");
        assert_eq!(name(11, 2, 7, Some(0)), "Mali-G715");
        assert_eq!(name(11, 2, 10, Some(RAY_INTERSECTION)), "Immortalis-G715");
        assert_eq!(name(12, 0, 9, Some(RAY_INTERSECTION)), "Mali-G720");
        assert_eq!(name(13, 0, 5, Some(RAY_INTERSECTION)), "Mali-G625");
        assert_eq!(name(9, 0, 1, None), "Mali (unknown)");
    }
}
