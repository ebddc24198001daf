//! Prints the properties that the device reports.
//!
//! `cargo run --example info`

mod common;

use panthor::{CpuClock, Features, GroupPriority, PageSizeSource, TimestampRequest};

fn main() -> panthor::Result<()> {
    let device = common::open()?;

    println!("\nFeatures of Panthor {}", device.version());
    for (name, feature) in Features::all().iter_names() {
        let has = if device.features().contains(feature) { "yes" } else { "no" };
        println!("  {name:<20} {has:<4} (since {})", feature.since());
    }

    let gpu = device.gpu_info()?;
    println!("\nGPU");
    println!("  model                {}", gpu.model_name());
    println!("  id                   {:#010x}, architecture {}", gpu.id(), gpu.arch());
    println!(
        "  shader cores         {} ({:#x})",
        gpu.shader_present().count_ones(),
        gpu.shader_present()
    );
    println!("  tiler, L2            {:#x}, {:#x}", gpu.tiler_present(), gpu.l2_present());
    println!("  address spaces       {}", gpu.as_present().count_ones());
    println!("  VA, PA               {} bits, {} bits", gpu.va_bits(), gpu.pa_bits());
    println!(
        "  threads              {} a core, {} a workgroup",
        gpu.max_threads(),
        gpu.thread_max_workgroup_size()
    );
    match gpu.selected_coherency() {
        Some(coherency) => println!("  coherency            {coherency:?}"),
        None => println!("  coherency            this driver does not say"),
    }

    let csif = device.csif_info()?;
    println!("\nCommand streams");
    println!("  groups on hardware   {}", csif.csg_slot_count);
    println!("  streams a group      {}", csif.cs_slot_count);
    println!(
        "  registers            {} ({} not preserved)",
        csif.cs_reg_count, csif.unpreserved_cs_reg_count
    );
    println!("  scoreboard slots     {}", csif.scoreboard_slot_count);

    let pages = device.page_sizes()?;
    let sizes: Vec<_> = pages.iter().map(|size| format!("{} KiB", size >> 10)).collect();
    let source = match pages.source() {
        PageSizeSource::Reported => "the driver says so",
        _ => "assumed: this driver cannot say",
    };
    println!("\nMemory");
    println!("  GPU pages            {} ({source})", sizes.join(", "));
    println!("  CPU pages            {} KiB", device.cpu_page_size() >> 10);

    println!("\nClocks");
    if device.features().contains(Features::TIMESTAMP_FLAGS) {
        let request = TimestampRequest::default().cpu(CpuClock::Monotonic).duration();
        println!("  {:?}", device.timestamps(request)?);
    } else if device.features().contains(Features::TIMESTAMP_QUERY) {
        println!("  {:?}", device.timestamps(TimestampRequest::default())?);
    } else {
        println!("  this driver does not say");
    }

    println!("\nGroup priorities");
    let allowed = device.group_priorities()?;
    for priority in GroupPriority::ALL {
        let may = match allowed.allows(priority) {
            true => "allowed",
            false if allowed.is_assumed() && priority == GroupPriority::High => {
                "this driver does not say"
            }
            false => "not for this process",
        };
        println!("  {:<20} {may}", format!("{priority:?}"));
    }

    let nodes = device.node_numbers()?;
    let show = |node: Option<panthor::NodeNumber>| node.map_or("none".into(), |n| n.to_string());
    println!("\nNodes: render {}, primary {}", show(nodes.render), show(nodes.primary));
    Ok(())
}
