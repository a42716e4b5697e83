// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IProtocolParameters, IStakeVault} from "./interfaces/IOpenLedger.sol";
import {Keys} from "./lib/Keys.sol";
import {Send} from "./lib/Send.sol";

/// Stakes by role. What is locked can be slashed by the two authorised contracts; what is free can
/// be taken out after the cool-down. Stakers share the fees that arrive, pro rata.
///
/// Holds exactly: all stakes, all that cools down, and rewardsHeld.
contract StakeVault is IStakeVault, Ownable, ReentrancyGuardTransient {
    struct Position {
        uint256 staked; // locked included, cooling not
        uint256 locked;
        uint256 cooling;
        uint64 readyAt;
    }

    struct Earner {
        uint256 staked; // over all roles
        uint256 index; // rewardIndex at the last change
        uint256 accrued;
    }

    address public constant BURN = 0x000000000000000000000000000000000000dEaD;
    uint256 private constant SCALE = 1 << 128;
    uint256 private constant AUTHORISED_CONTRACTS = 2;

    IProtocolParameters public immutable parameters;
    mapping(address account => bool) public authorised;
    uint256 public authorisedCount;
    mapping(address account => mapping(bytes32 role => Position)) private _positions;
    mapping(address account => Earner) private _earners;

    uint256 public totalStaked;
    /// Rewards received and not yet claimed.
    uint256 public rewardsHeld;
    /// Rewards per staked wei since the beginning, times 2^128.
    uint256 public rewardIndex;
    /// What the last divisions left over, times 2^128; distributed with the next reward.
    uint256 public carried;

    event Authorised(address indexed account);

    error ZeroAddress();
    error AuthorisedListClosed();
    error AlreadyAuthorised(address account);
    error NotAuthorised(address caller);
    error UnknownRole(bytes32 role);
    error NothingSent();
    error NothingAsked();
    error NotEnoughFree(uint256 asked, uint256 free);
    error NotEnoughLocked(uint256 asked, uint256 locked);
    error NothingCooling();
    error StillCooling(uint64 readyAt);
    error NothingToClaim();

    modifier onlyAuthorised() {
        if (!authorised[msg.sender]) revert NotAuthorised(msg.sender);
        _;
    }

    constructor(address parameters_) Ownable(msg.sender) {
        if (parameters_ == address(0)) revert ZeroAddress();
        parameters = IProtocolParameters(parameters_);
    }

    /// The registry of datanets and the settlement; the list is closed with the second, so that
    /// nobody, the owner included, can add a contract that takes stakes.
    function authorise(address account) external onlyOwner {
        if (account == address(0)) revert ZeroAddress();
        if (authorised[account]) revert AlreadyAuthorised(account);
        if (authorisedCount == AUTHORISED_CONTRACTS) revert AuthorisedListClosed();
        authorised[account] = true;
        ++authorisedCount;
        emit Authorised(account);
    }

    /// @inheritdoc IStakeVault
    function stake(bytes32 role) external payable {
        _checkRole(role);
        if (msg.value == 0) revert NothingSent();
        _grow(msg.sender, role, msg.value);
    }

    /// @inheritdoc IStakeVault
    function stakeLocked(address account, bytes32 role) external payable onlyAuthorised {
        _checkRole(role);
        if (account == address(0)) revert ZeroAddress();
        if (msg.value == 0) revert NothingSent();
        _grow(account, role, msg.value);
        _positions[account][role].locked += msg.value;
        emit Locked(account, role, msg.value);
    }

    /// @inheritdoc IStakeVault
    function lock(address account, bytes32 role, uint256 amount) external onlyAuthorised {
        Position storage position = _positions[account][role];
        uint256 free = position.staked - position.locked;
        if (amount > free) revert NotEnoughFree(amount, free);
        position.locked += amount;
        emit Locked(account, role, amount);
    }

    /// @inheritdoc IStakeVault
    function release(address account, bytes32 role, uint256 amount) external onlyAuthorised {
        Position storage position = _positions[account][role];
        if (amount > position.locked) revert NotEnoughLocked(amount, position.locked);
        position.locked -= amount;
        emit Released(account, role, amount);
    }

    /// @inheritdoc IStakeVault
    function slash(address account, bytes32 role, uint256 amount, address challenger)
        external
        onlyAuthorised
        nonReentrant
    {
        if (challenger == address(0)) revert ZeroAddress();
        Position storage position = _positions[account][role];
        if (amount > position.locked) revert NotEnoughLocked(amount, position.locked);
        position.locked -= amount;
        _shrink(account, position, amount);
        uint256 reward = amount / 2;
        emit Slashed(account, role, amount, challenger, reward, amount - reward);
        Send.value(BURN, amount - reward);
        Send.value(challenger, reward);
    }

    /// A second request adds to the first and starts its cool-down again.
    function requestUnstake(bytes32 role, uint256 amount) external {
        Position storage position = _positions[msg.sender][role];
        if (amount == 0) revert NothingAsked();
        uint256 free = position.staked - position.locked;
        if (amount > free) revert NotEnoughFree(amount, free);
        _shrink(msg.sender, position, amount);
        position.cooling += amount;
        position.readyAt = uint64(block.timestamp + parameters.get(Keys.COOL_DOWN));
        emit UnstakeRequested(msg.sender, role, amount, position.readyAt);
    }

    /// @inheritdoc IStakeVault
    function withdraw(bytes32 role) external nonReentrant {
        Position storage position = _positions[msg.sender][role];
        uint256 amount = position.cooling;
        if (amount == 0) revert NothingCooling();
        if (block.timestamp < position.readyAt) revert StillCooling(position.readyAt);
        position.cooling = 0;
        position.readyAt = 0;
        emit Withdrawn(msg.sender, role, amount);
        Send.value(msg.sender, amount);
    }

    /// @inheritdoc IStakeVault
    function addReward() external payable {
        if (msg.value == 0) revert NothingSent();
        rewardsHeld += msg.value;
        uint256 scaled = msg.value * SCALE + carried;
        if (totalStaked == 0) {
            carried = scaled;
        } else {
            rewardIndex += scaled / totalStaked;
            carried = scaled % totalStaked;
        }
        emit RewardAdded(msg.value);
    }

    /// @inheritdoc IStakeVault
    function claimReward() external nonReentrant returns (uint256 amount) {
        _settle(msg.sender);
        amount = _earners[msg.sender].accrued;
        if (amount == 0) revert NothingToClaim();
        _earners[msg.sender].accrued = 0;
        rewardsHeld -= amount;
        emit RewardClaimed(msg.sender, amount);
        Send.value(msg.sender, amount);
    }

    /// @inheritdoc IStakeVault
    function staked(address account, bytes32 role) external view returns (uint256) {
        return _positions[account][role].staked;
    }

    /// @inheritdoc IStakeVault
    function locked(address account, bytes32 role) external view returns (uint256) {
        return _positions[account][role].locked;
    }

    /// What was asked back, and when it may be withdrawn.
    function cooling(address account, bytes32 role)
        external
        view
        returns (uint256 amount, uint64 readyAt)
    {
        Position storage position = _positions[account][role];
        return (position.cooling, position.readyAt);
    }

    /// @inheritdoc IStakeVault
    function rewardOf(address account) public view returns (uint256) {
        Earner storage earner = _earners[account];
        return earner.accrued + Math.mulDiv(earner.staked, rewardIndex - earner.index, SCALE);
    }

    function _checkRole(bytes32 role) private pure {
        if (
            role != Keys.ROLE_VALIDATOR && role != Keys.ROLE_WORKER && role != Keys.ROLE_SETTLER
                && role != Keys.ROLE_DATANET
        ) revert UnknownRole(role);
    }

    function _settle(address account) private {
        _earners[account].accrued = rewardOf(account);
        _earners[account].index = rewardIndex;
    }

    function _grow(address account, bytes32 role, uint256 amount) private {
        _settle(account);
        _earners[account].staked += amount;
        _positions[account][role].staked += amount;
        totalStaked += amount;
        emit Staked(account, role, amount);
    }

    function _shrink(address account, Position storage position, uint256 amount) private {
        _settle(account);
        _earners[account].staked -= amount;
        position.staked -= amount;
        totalStaked -= amount;
    }
}
