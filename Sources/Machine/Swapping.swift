import Values

/// `(swap! atom f argument…)` where `f` is a primitive, done by one instruction: what programs count and collect with. Everything
/// else, and whatever fails, is left to the function of the library, which `swap` stands in front of.
extension Fiber {
    /// Arguments of `swap!` that an instruction takes.
    package static let swapArguments = 2...4

    /// What the atom in the first of `count` slots becomes. Nil, with the slots as they were, where there is more to do: a
    /// function of the language, a validator, watchers, a fault to be told of where it arises.
    @inline(never) func swap(_ slots: UnsafeMutablePointer<Value>, _ count: Int) -> Value? {
        guard let object = Value.borrowedObject(slots), object._withUnsafeGuaranteedRef({ $0.kind == .atom }),
            case .native(let callable) = slots[1]
        else { return nil }
        let native = unsafeDowncast(callable, to: Native.self)
        guard case .plain(let body) = native.kind, native.accepts(count - 1) else { return nil }
        // Only `Atom` has this kind.
        let atom = Unmanaged<Atom>.fromOpaque(object.toOpaque())
        return atom._withUnsafeGuaranteedRef { atom in
            // Copies, for a primitive may move its arguments out, and another fiber may come first.
            withUnsafeTemporaryAllocation(of: Value.self, capacity: Fiber.swapArguments.upperBound) { buffer in
                let arguments = buffer.baseAddress.unsafelyUnwrapped
                while true {
                    guard let old = atom.unattended else { return nil }
                    arguments.initialize(to: old)
                    for index in 2..<count { (arguments + index - 1).initialize(to: slots[index]) }
                    defer { arguments.deinitialize(count: count - 1) }
                    guard let new = try? body(Arguments(arguments, count - 1), self) else { return nil }
                    switch atom.exchange(old, new) {
                    case .done: return new
                    case .lost: continue
                    case .attended: return nil
                    }
                }
            }
        }
    }
}
