//! Graph: declarations (forms or EDN data) come in; one checked graph value, what the runtime is to run, and pictures
//! of it go out.
//!
//! In reading order:
//! - `Keys/`: `DeclarationKeys` is the one table of what can be declared and with which keys.
//! - `Graph` and `Node`: the graph as an immutable value; `GraphData` turns it into plain data and back,
//!   `GraphDifference` says what changed between two.
//! - `Build/`: `Declaration` (one form or one entry of the data form), `Site` (where it stands), `GraphBuilder`
//!   (belongs to the instance, collects and replaces), the primitives of `sluice.graph`, the component form.
//! - `Check/`: everything that can be told to be wrong before anything runs, as findings with places.
//! - `SystemPlan`: the graph with every default filled in and every function found: what is started.
//! - `Export/`: a picture's boxes and arrows, their layout, and Mermaid, DOT, JSON and HTML.

import Reader
import Values

/// Everything a script declares, as one immutable value (G1): nodes in the order they were declared first.
package struct Graph: Sendable {
    package private(set) var nodes: [Node] = []
    private var positions: [NodeID: Int] = [:]
    /// What was wrong with data that belongs to no node: sections that do not exist.
    package var strays: [Finding] = []

    /// Kept so that the names in the graph live as long as it does.
    private let names: Names?

    package init(names: Names? = nil) { self.names = names }

    /// The node of this kind and name; `configure` and `needs` are named after the text they stand in.
    package subscript(kind: DeclarationKind, name: Name) -> Node? { self[NodeID(kind, name)] }

    package subscript(id: NodeID) -> Node? { positions[id].map { nodes[$0] } }

    package func all(_ kind: DeclarationKind) -> [Node] { nodes.filter { $0.id.kind == kind } }

    /// Names of the nodes of a kind, in the order of declaration.
    package func names(of kind: DeclarationKind) -> [Name] { all(kind).map(\.id.name) }

    /// Adds a node, or puts it in the place of the one it redefines (G3), which is given back.
    @discardableResult package mutating func set(_ node: Node) -> Node? {
        if let position = positions[node.id] {
            defer { nodes[position] = node }
            return nodes[position]
        }
        positions[node.id] = nodes.count
        nodes.append(node)
        return nil
    }

    @discardableResult package mutating func remove(_ id: NodeID) -> Node? {
        guard let position = positions[id] else { return nil }
        let removed = nodes.remove(at: position)
        positions = [:]
        for (index, node) in nodes.enumerated() { positions[node.id] = index }
        return removed
    }
}

/// What a node is known by.
package struct NodeID: Hashable, Sendable, CustomStringConvertible {
    package let kind: DeclarationKind
    package let name: Name

    package init(_ kind: DeclarationKind, _ name: Name) {
        self.kind = kind
        self.name = name
    }

    /// `channel :notes/found`, `configure`.
    package var description: String { kind.isNamed ? "\(kind.noun) :\(name.description)" : kind.noun }
}

/// One declaration as it stands in the graph.
package struct Node: Sendable {
    package let id: NodeID
    /// What was declared, as plain data: functions are qualified symbols. Defaults are not filled in.
    package let options: HashMap
    /// The functions by the key they stand under.
    package let functions: [KnownName: FunctionReference]
    /// What the `:run` effects of a plan's data name, with the paths to it from the options.
    package let actions: [(path: [Value], function: FunctionReference)]
    package let site: Site
    /// What was seen to be wrong while the declaration was read.
    package let findings: [Finding]

    package init(
        id: NodeID, options: HashMap, functions: [KnownName: FunctionReference] = [:],
        actions: [(path: [Value], function: FunctionReference)] = [], site: Site = .unknown, findings: [Finding] = []
    ) {
        self.id = id
        self.options = options
        self.functions = functions
        self.actions = actions
        self.site = site
        self.findings = findings
    }

    /// The value of an option; nil when it is absent or nil.
    package subscript(key: KnownName) -> Value? {
        guard let value = options.option(key), !value.isNil else { return nil }
        return value
    }

    /// The keyword that an option holds.
    func keyword(_ key: KnownName) -> Name? {
        if case .keyword(let name)? = self[key] { name } else { nil }
    }

    func choice(_ key: KnownName, _ usual: KnownName) -> KnownName { self[key]?.knownKeyword ?? usual }
    func whole(_ key: KnownName, _ usual: Int64) -> Int64 { self[key]?.intValue ?? usual }
    func flag(_ key: KnownName) -> Bool { self[key]?.isTruthy ?? false }
}

/// A function that a declaration names, with what is known of it.
package enum FunctionReference: Sendable {
    /// Found, and shown as this qualified symbol.
    case found(Name, Value)
    /// The namespace is known and has no such function; these are its nearest names.
    case missing(Name, near: [String])
    /// Nobody knows the namespace yet: whoever starts the graph has to.
    case unknownNamespace(Name)
    /// Its namespace is there and cannot be loaded, for this reason.
    case unloadable(Name, Diagnostic)

    package var symbol: Name {
        switch self {
        case .found(let name, _), .missing(let name, _), .unknownNamespace(let name), .unloadable(let name, _): name
        }
    }

    package var value: Value? {
        if case .found(_, let value) = self { value } else { nil }
    }
}

/// Answers what a qualified name means: asked of whoever can load namespaces. It throws what is not the name's fault: that the
/// fiber that asks has to wait for a load, or that it is to end.
package typealias FunctionLookup = @Sendable (Name) throws(Fault) -> FunctionReference
