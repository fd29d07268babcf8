import Values

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Reads lines from a descriptor, for whoever asks, in the order in which they asked.
///
/// Nothing is read before somebody asks, so what a program leaves unread stays where it is. A line that was read while
/// everybody stopped waiting goes to the next who asks.
package final class LineReader: @unchecked Sendable {
    // Sendable: `lock` guards everything mutable, but for `chunk`, which the one reading thread has for itself.
    /// Bytes of a line, its break not counted: a program that gets no breaks must not fill the memory.
    package static let lineLimit = 16 << 20

    private let descriptor: Int32
    private let limit: Int
    /// What messages call it.
    private let shown: String
    private let pool = BlockingPool(limit: 1)
    private let lock = Lock()
    private var lines: LineBuffer
    private var waiting: [(id: Int, answer: Answer)] = []
    private var lastID = 0
    /// Wakes the thread that reads, while one does.
    private var reading: WakePipe?
    private var failure: AdapterError?

    package init(descriptor: Int32 = 0, shown: String = "standard input", limit: Int = LineReader.lineLimit) {
        self.descriptor = descriptor
        self.shown = shown
        self.limit = limit
        lines = LineBuffer(limit: limit)
    }

    /// Answers with the next line, without its break, or with nil at the end; returns what stops waiting for it.
    package func next(_ answer: @escaping Answer) -> (@Sendable () -> Void)? {
        let (ready, id) = lock.withLock { () -> (Result<Value, AdapterError>?, Int) in
            // Those who asked earlier come first.
            if waiting.isEmpty, let ready = take() { return (ready, 0) }
            lastID += 1
            waiting.append((lastID, answer))
            return (startReading().map { .failure($0) }, lastID)
        }
        if let ready {
            answer(ready)
            return nil
        }
        return { self.withdraw(id) }
    }

    private func withdraw(_ id: Int) {
        let taken = lock.withLock { () -> Answer? in
            guard let index = waiting.firstIndex(where: { $0.id == id }) else { return nil }
            if waiting.count == 1 { reading?.raise(.cancelled) }
            return waiting.remove(at: index).answer
        }
        taken?(.failure(.cancelled))
    }

    /// What lies ready. Under the lock.
    private func take() -> Result<Value, AdapterError>? {
        switch lines.next() {
        case .line(let bytes, let number): return text(bytes, number)
        case .tooLong(let number):
            return .failure(
                AdapterError(
                    .tooLarge,
                    "line \(number) of \(shown) is longer than \(limit) bytes, the most that a line may have; its rest is passed over"
                ))
        case .end:
            if let failure { return .failure(failure) }
            return .success(.nil)
        case .none: return nil
        }
    }

    private func text(_ bytes: ArraySlice<UInt8>, _ number: Int) -> Result<Value, AdapterError> {
        bytes.withUnsafeBufferPointer { bytes in
            if let offset = UTF8Scan.firstInvalidByte(bytes) {
                return .failure(
                    AdapterError(
                        .invalidUTF8, "line \(number) of \(shown) is not text in UTF-8 (byte \(offset)); convert it"))
            }
            return .success(.text(Text(validated: bytes)))
        }
    }

    /// Sees to it that a thread reads. Under the lock.
    private func startReading() -> AdapterError? {
        guard reading == nil else { return nil }
        do throws(AdapterError) {
            let wake = try WakePipe()
            reading = wake
            pool.submit { [self] in read(wake) }
            return nil
        } catch {
            waiting.removeLast()
            return error
        }
    }

    /// Reads as long as somebody waits.
    private func read(_ wake: WakePipe) {
        var wake = wake
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = isReadable(wake) ? fill(&chunk) : 0
            let answers = lock.withLock { () -> [() -> Void] in
                if let count { lines.append(chunk[..<count], isEnd: false) } else { lines.append([], isEnd: true) }
                return answered()
            }
            for answer in answers { answer() }
            guard let next = goOn(wake) else { return }
            wake = next
        }
    }

    /// What the thread is woken by from here on; nil when it is to end.
    private func goOn(_ wake: WakePipe) -> WakePipe? {
        let (next, refused, error) = lock.withLock { () -> (WakePipe?, [Answer], AdapterError?) in
            reading = nil
            if waiting.isEmpty { return (nil, [], nil) }
            do throws(AdapterError) {
                // Who asked after everybody had gone needs a pipe that says nothing yet.
                reading = wake.reason == nil ? wake : try WakePipe()
                return (reading, [], nil)
            } catch {
                defer { waiting = [] }
                return (nil, waiting.map(\.answer), error)
            }
        }
        if let error { for answer in refused { answer(.failure(error)) } }
        return next
    }

    /// Hands what lies ready to those who wait. Under the lock.
    private func answered() -> [() -> Void] {
        var answers: [() -> Void] = []
        while let first = waiting.first, let ready = take() {
            waiting.removeFirst()
            answers.append { first.answer(ready) }
        }
        return answers
    }

    /// Sleeps until there is something to read; false when nobody waits for it any more.
    private func isReadable(_ wake: WakePipe) -> Bool {
        var polled = [
            pollfd(fd: wake.descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
        ]
        while poll(&polled, 2, -1) < 0, errno == EINTR {}
        return polled[0].revents == 0
    }

    /// How many bytes came; nil at the end, after an error for good.
    private func fill(_ chunk: inout [UInt8]) -> Int? {
        let count = posixRead(descriptor, &chunk)
        if count > 0 { return count }
        if count < 0, errno == EINTR || errno == EAGAIN { return 0 }
        if count < 0 {
            let reason = String(cString: strerror(errno))
            lock.withLock { failure = AdapterError(.io, "could not read \(shown): \(reason)") }
        }
        return nil
    }
}

/// `read(2)` under a name that methods do not hide.
private func posixRead(_ file: Int32, _ chunk: inout [UInt8]) -> Int {
    chunk.withUnsafeMutableBytes { read(file, $0.baseAddress, $0.count) }
}

/// Bytes on their way to become lines: pure.
struct LineBuffer {
    private let limit: Int
    private var bytes: [UInt8] = []
    /// Where the next line begins.
    private var start = 0
    /// Up to where no break was found.
    private var searched = 0
    private var isAtEnd = false
    /// The rest of a line that was too long is passed over.
    private var isSkipping = false
    /// Lines so far.
    private var number = 0

    enum Next: Equatable {
        /// Without its break, and its number from 1.
        case line(ArraySlice<UInt8>, Int)
        case tooLong(Int)
        case end
        /// More has to come first.
        case none
    }

    init(limit: Int) { self.limit = limit }

    mutating func append(_ more: ArraySlice<UInt8>, isEnd: Bool) {
        if start > 0 {
            bytes.removeFirst(start)
            searched -= start
            start = 0
        }
        bytes += more
        if isEnd { isAtEnd = true }
    }

    mutating func next() -> Next {
        while true {
            let found = bytes[searched...].firstIndex(of: 10)
            let end = found ?? bytes.count
            searched = end
            if found == nil, !isAtEnd {
                // A break may follow a carriage return that is not the line's.
                if !isSkipping, end - start > limit + 1 { return beginSkipping(at: end) }
                if isSkipping { start = end }
                return .none
            }
            if found == nil, start == end, !isSkipping { return .end }
            let line = bytes[start..<end]
            start = min(end + 1, bytes.count)
            searched = start
            if isSkipping {
                isSkipping = false
                continue
            }
            number += 1
            let text = found != nil && line.last == 13 ? line.dropLast() : line
            return text.count > limit ? .tooLong(number) : .line(text, number)
        }
    }

    private mutating func beginSkipping(at end: Int) -> Next {
        number += 1
        isSkipping = true
        start = end
        return .tooLong(number)
    }
}
