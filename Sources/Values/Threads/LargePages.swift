import CThread
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// Asks the system for large pages once a program holds much: a small page that is touched for the first time costs
/// microseconds where the machine is a virtual one, and a million fibers touch 150,000 of them.
///
/// By hand, because glibc offers it (`glibc.malloc.hugetlb`) only through the environment of a process that starts. For a program
/// that has its process to itself: the allocator's options are everybody's. Does nothing but on Linux.
public enum LargePages {
    /// Bytes that values occupy above which the mappings are looked at next.
    private static let mark = Atomic<Int64>(.max)
    /// Below this, small pages cost little, and large ones might stay half empty.
    private static let threshold: Int64 = 16 << 20
    /// How often the mappings are looked at, and by how much the heap then grows at once.
    private static let stride: Int64 = 16 << 20
    private static let growth: Int32 = 32 << 20
    /// Mappings that are worth it.
    private static let smallest: UInt = 8 << 20
    private static let lock = Lock()

    /// From here on the memory of this process is of large pages where there is much of it.
    public static func use() { mark.store(threshold, ordering: .relaxed) }

    /// Says how much values occupy.
    @inline(__always) public static func note(_ bytes: Int64) {
        if _slowPath(bytes >= mark.load(ordering: .relaxed)) { advise(bytes) }
    }

    @inline(never) private static func advise(_ bytes: Int64) {
        lock.withLock {
            let last = mark.load(ordering: .relaxed)
            guard bytes >= last else { return }
            mark.store(bytes + stride, ordering: .relaxed)
            #if os(Linux)
                if last == threshold { sluice_grow_heap_by(growth) }
                for range in anonymousMappings() where UInt(range.count) >= smallest {
                    // A refusal leaves small pages.
                    _ = madvise(UnsafeMutableRawPointer(bitPattern: range.lowerBound), range.count, MADV_HUGEPAGE)
                }
            #endif
        }
    }

    #if os(Linux)
        /// The heap, and what the allocator has mapped for other threads, used or still to be used.
        private static func anonymousMappings() -> [Range<UInt>] {
            let file = open("/proc/self/maps", O_RDONLY | O_CLOEXEC)
            guard file >= 0 else { return [] }
            defer { close(file) }
            var text: [UInt8] = []
            withUnsafeTemporaryAllocation(byteCount: 1 << 14, alignment: 1) { buffer in
                while case let count = read(file, buffer.baseAddress, buffer.count), count > 0 {
                    text += buffer[..<count]
                }
            }
            // address-address permissions offset device inode [path]
            return text.split(separator: UInt8(ascii: "\n")).compactMap { line in
                let fields = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: true)
                guard fields.count >= 5, fields[4].elementsEqual("0".utf8), fields[1].last == UInt8(ascii: "p"),
                    fields.count == 5 || fields[5].elementsEqual("[heap]".utf8)
                else { return nil }
                let ends = fields[0].split(separator: UInt8(ascii: "-")).compactMap {
                    UInt(String(decoding: $0, as: UTF8.self), radix: 16)
                }
                return ends.count == 2 && ends[0] < ends[1] ? ends[0]..<ends[1] : nil
            }
        }
    #endif
}
