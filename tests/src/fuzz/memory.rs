/// The most bytes that a step holds at once; 0 where they are not counted, which is anywhere but
/// under libFuzzer.
pub(super) fn held(step: impl FnOnce()) -> u64 {
    #[cfg(feature = "count-memory")]
    return allocation_counter::measure(step).bytes_max;
    #[cfg(not(feature = "count-memory"))]
    {
        step();
        0
    }
}
