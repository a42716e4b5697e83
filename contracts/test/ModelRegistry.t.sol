// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ModelRegistry} from "../src/ModelRegistry.sol";
import {World} from "./World.sol";

contract ModelRegistryTest is World {
    function setUp() external {
        setUpWorld();
    }

    function register(
        string memory name,
        bytes32 adapterHash,
        bytes32 base,
        uint64 version,
        uint256 priceIn
    ) private returns (bytes32) {
        return models.registerAdapter(name, adapterHash, base, datanetId, version, "t", priceIn, 1);
    }

    function test_what_is_registered_is_read_back() external view {
        eq(adapterId, keccak256(abi.encode(MODEL_OWNER, "poet")), "id");
        eq(models.ownerOf(adapterId), MODEL_OWNER, "owner");
        eq(models.baseOwner(BASE), BASE_OWNER, "base");
        (
            address owner,
            string memory name,
            bytes32 hash,
            bytes32 base,
            bytes32 net,
            uint64 version,,,
        ) = models.adapter(adapterId);
        eq(owner, MODEL_OWNER, "owner");
        eq(name, "poet", "name");
        eq(hash, keccak256("weights"), "hash");
        eq(base, BASE, "base");
        eq(net, datanetId, "datanet");
        eq(version, 1, "version");
        (,,,,,, bytes32 training, uint256 priceIn, uint256 priceOut) = models.adapter(adapterId);
        eq(training, keccak256("training"), "training");
        eq(priceIn, PRICE_IN, "in");
        eq(priceOut, PRICE_OUT, "out");
    }

    function test_bases() external {
        vm.expectPartialRevert(ModelRegistry.BaseExists.selector);
        models.registerBase(BASE, "again");
        vm.expectRevert(ModelRegistry.EmptyHash.selector);
        models.registerBase(0, "x");
        vm.expectPartialRevert(ModelRegistry.TextLength.selector);
        models.registerBase("x", "");
        eq(models.baseOwner("x"), address(0), "unknown");
    }

    function test_adapters() external {
        vm.expectPartialRevert(ModelRegistry.UnknownBase.selector);
        register("a", "h", "no base", 1, 1);
        vm.expectPartialRevert(ModelRegistry.UnknownVersion.selector);
        register("a", "h", BASE, 2, 1);
        vm.expectPartialRevert(ModelRegistry.UnknownVersion.selector);
        register("a", "h", BASE, 0, 1);
        vm.expectRevert(ModelRegistry.EmptyHash.selector);
        register("a", 0, BASE, 1, 1);
        vm.expectPartialRevert(ModelRegistry.TextLength.selector);
        register("", "h", BASE, 1, 1);
        vm.expectPartialRevert(ModelRegistry.PriceTooHigh.selector);
        register("a", "h", BASE, 1, 1 << 128);
        vm.expectPartialRevert(ModelRegistry.PriceTooHigh.selector);
        models.registerAdapter("a", "h", BASE, datanetId, 1, "t", 1, 1 << 128);
        bytes32 id = register("a", "h", BASE, 1, 1);
        eq(models.ownerOf(id), address(this), "owner");
        vm.expectPartialRevert(ModelRegistry.AdapterExists.selector);
        register("a", "h", BASE, 1, 1);
        vm.prank(ALICE);
        ok(register("a", "h", BASE, 1, 1) != id, "another owner may use the name");
        vm.expectPartialRevert(ModelRegistry.UnknownAdapter.selector);
        models.adapter("unknown");
        eq(models.ownerOf("unknown"), address(0), "unknown");
        vm.expectRevert(ModelRegistry.ZeroAddress.selector);
        new ModelRegistry(address(0));
    }
}
