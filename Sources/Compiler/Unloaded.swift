import Machine
import Values

/// Something that a script requires and cannot have, as a check of it takes note of: it goes on without, so that what is missing
/// is told once, and not again for each name that would have come from there.
package struct Unloaded {
    /// Why not, with its place.
    package let fault: Fault
    /// The namespace that could not be loaded; nil where a part of `ns` or `require` is wrong itself.
    package var namespace: Name?
    /// Whether all its names were wanted, so that any name may be one of them.
    package var refersAll = false

    /// The namespace as one in which there is every name, without a value.
    static func standIn(for name: Name, in instance: Instance) -> Namespace {
        let space = instance.namespace(name)
        space.setLibrary(Namespace.Library(load: { (space, symbol) in space.intern(symbol) }, names: { [] }))
        return space
    }
}

extension Evaluator {
    /// Takes note of what a checked script cannot have; false when no script is checked, and for the files that it requires, which
    /// are of use as a whole or not at all.
    func forgives(_ missing: Unloaded, _ bindings: Bindings?) -> Bool {
        guard case .thrown = missing.fault, currentLoad(bindings) == nil, var known = unloaded else { return false }
        // One that is required twice is missing once.
        if missing.namespace == nil || !known.contains(where: { $0.namespace == missing.namespace }) {
            known.append(missing)
            unloaded = known
        }
        return true
    }
}
